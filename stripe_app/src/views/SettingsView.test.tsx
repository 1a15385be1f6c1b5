// The settings view, rendered as the Dashboard renders it: a tree of Stripe's components, no HTML.

import './jestless';

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { getMockContextProps, render } from '@stripe/ui-extension-sdk/testing';
import { Banner, Link } from '@stripe/ui-extension-sdk/ui';

import manifest from '../../stripe-app.json';
import type { Mode } from '../site';
import SettingsView from './SettingsView';

type Constants = Parameters<typeof getMockContextProps>[0] extends infer P | undefined
  ? P extends { environment: { constants?: infer C } }
    ? C
    : never
  : never;

const rendered = (mode: Mode, constants: Constants = manifest.constants) =>
  render(<SettingsView {...getMockContextProps({ environment: { mode, constants } })} />).wrapper;

for (const mode of ['live', 'test'] as const) {
  test(`in ${mode} mode it leads in three steps to the page for ${mode}-mode keys`, () => {
    const page = rendered(mode);
    const text = page.text;

    const steps = ['1. Press View API keys', '2. Copy the restricted key', '3. Paste it at Ledgerline'];
    const places = steps.map((step) => text.indexOf(step));
    assert.ok(places.every((place) => place >= 0), text);
    assert.deepEqual(places, [...places].sort((one, other) => one - other));
    assert.ok(text.includes(`rk_${mode}_`));
    assert.ok(!text.includes(mode === 'live' ? 'rk_test_' : 'rk_live_'));
    const link = page.find(Link);
    assert.equal(link?.props.href, `${manifest.constants.site[mode]}/stripe/paste/${mode}/`);
    assert.equal(link?.props.target, '_blank');
  });
}

test('each mode may have a site of its own, with or without a slash at its end', () => {
  const constants = {
    site_name: 'Acme',
    site: { live: 'https://acme.example/', test: 'https://staging.acme.example' },
  };

  assert.equal(rendered('live', constants).find(Link)?.props.href, 'https://acme.example/stripe/paste/live/');
  assert.equal(rendered('test', constants).find(Link)?.props.href, 'https://staging.acme.example/stripe/paste/test/');
  assert.ok(rendered('test', constants).text.includes('3. Paste it at Acme'));
});

const useless: [string, Constants][] = [
  ['no constants', {}],
  ['no name', { site: { live: 'https://acme.example' } }],
  ['no address of that mode', { site_name: 'Acme', site: { test: 'https://acme.example' } }],
  ['an address that is none', { site_name: 'Acme', site: { live: 'javascript:alert(1)' } }],
];
for (const [what, constants] of useless) {
  test(`with ${what} it leads nowhere and says so`, () => {
    const page = rendered('live', constants);

    assert.equal(page.find(Link), null);
    assert.match(String(page.find(Banner)?.props.description), /uploaded without the address/);
  });
}
