// Vendure as a shop runs it, for Tidegate's tests: its default configuration on PostgreSQL, no UI.
//
// Always: settings come as one line of JSON on standard input, so that no password stands in an
// argument or the environment; "ready" is printed when it answers. Never: changes how Vendure sells.
'use strict';

const readline = require('node:readline');
const {
  bootstrap, ChannelService, DefaultLogger, dummyPaymentHandler, LogLevel,
  RequestContextService,
} = require('@vendure/core');
const { populate } = require('@vendure/core/cli');

const SEED = {
  defaultLanguage: 'en',
  defaultZone: 'Asia',
  countries: [{ code: 'CN', name: 'China', zone: 'Asia' }],
  taxRates: [{ name: 'Standard', percentage: 13 }],
  shippingMethods: [{ name: 'Courier', price: 600 }],
  paymentMethods: ['pay-at-once', 'pay-on-shipment'].map((name) => ({
    name,
    handler: {
      code: dummyPaymentHandler.code,
      arguments: [{ name: 'automaticSettle', value: String(name === 'pay-at-once') }],
    },
  })),
  collections: [],
};

function configuration(settings) {
  return {
    logger: new DefaultLogger({ level: LogLevel.Error, timestamp: true }),
    apiOptions: { hostname: '127.0.0.1', port: settings.port },
    authOptions: {
      superadminCredentials: { identifier: settings.user, password: settings.password },
      ...(settings.session ? { sessionDuration: settings.session, sessionCacheTTL: 1 } : {}),
    },
    dbConnectionOptions: {
      type: 'postgres',
      host: settings.socket, // the folder of a Unix socket
      username: settings.role,
      database: settings.database,
      synchronize: settings.isNew,
      logging: false,
    },
    paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  };
}

// Prices in fen with the tax in them, as a shop in China has them.
async function inFen(app) {
  const context = await app.get(RequestContextService).create({ apiType: 'admin' });
  const channels = app.get(ChannelService);
  const channel = await channels.getDefaultChannel(context);
  await channels.update(context, {
    id: channel.id, pricesIncludeTax: true, defaultCurrencyCode: 'CNY',
    availableCurrencyCodes: ['CNY'],
  });
}

async function serve(settings) {
  const start = () => bootstrap(configuration(settings));
  const app = settings.isNew ? await populate(start, SEED) : await start();
  if (settings.isNew) {
    await inFen(app);
  }
  process.stdout.write('ready\n');
  process.on('SIGTERM', () => app.close().then(() => process.exit(0)));
}

readline.createInterface({ input: process.stdin }).once('line', (line) => {
  serve(JSON.parse(line)).catch((error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  });
});
