// The SDK's testing tools add their matchers to Jest when they are loaded. These tests need neither Jest nor matchers.

(globalThis as { expect?: unknown }).expect = { extend: (): void => undefined };
