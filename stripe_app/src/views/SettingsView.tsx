// The app's settings page in Stripe's Dashboard: three steps that bring the key to the site. Stripe itself draws
// *View API keys* beside it; nothing here sees a key.

import type { ExtensionContextValue } from '@stripe/ui-extension-sdk/context';
import { Banner, Box, Inline, Link, SettingsView as StripeSettingsView } from '@stripe/ui-extension-sdk/ui';
import type { ReactNode } from 'react';

import { siteOf } from '../site';

const Step = ({ number, title, children }: { number: number; title: string; children: ReactNode }) => (
  <Box css={{ stack: 'y', gap: 'xsmall' }}>
    <Inline css={{ font: 'heading' }}>{`${number}. ${title}`}</Inline>
    <Box>{children}</Box>
  </Box>
);

const SettingsView = ({ environment }: Pick<ExtensionContextValue, 'environment'>) => {
  const { mode } = environment;
  const site = siteOf(environment.constants, mode);
  if (site === undefined) {
    return (
      <StripeSettingsView>
        <Banner
          type="caution"
          title="This page does not know where your key belongs"
          description="The app was uploaded without the address of its site. Give the key to nobody; tell whoever sent you here."
        />
      </StripeSettingsView>
    );
  }
  return (
    <StripeSettingsView>
      <Box css={{ stack: 'y', gap: 'large' }}>
        <Inline css={{ font: 'title' }}>{`Bring your ${mode}-mode key to ${site.name}`}</Inline>
        <Step number={1} title="Press View API keys on this page">
          Stripe shows the keys that it made for this app. Only people who may manage API keys see the button.
        </Step>
        <Step number={2} title="Copy the restricted key">
          {`It begins with rk_${mode}_ and can do only what you allowed when you installed the app.`}
        </Step>
        <Step number={3} title={`Paste it at ${site.name}`}>
          <Link href={site.pasteAddress} target="_blank" external>
            {`Open ${site.pasteAddress}`}
          </Link>
        </Step>
        <Inline css={{ color: 'secondary' }}>
          {`Paste the key on that page and nowhere else: ${site.name} never asks for it by e-mail or chat.`}
        </Inline>
      </Box>
    </StripeSettingsView>
  );
};

export default SettingsView;
