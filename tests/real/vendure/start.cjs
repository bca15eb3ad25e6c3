'use strict';
// An unmodified Vendure server on loopback. One argument: a file with its settings as JSON.
// With `seed` in it, an empty database is filled first: nothing is for sale yet, tests list that.

const { readFileSync } = require('fs');
const vendure = require('@vendure/core');

const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'));

const config = {
    ...vendure.defaultConfig,
    apiOptions: { ...vendure.defaultConfig.apiOptions, hostname: '127.0.0.1', port: settings.port },
    authOptions: {
        ...vendure.defaultConfig.authOptions,
        tokenMethod: ['bearer', 'api-key'],
        sessionDuration: settings.session,
        requireVerification: false,
        superadminCredentials: { identifier: settings.user, password: settings.password },
        cookieOptions: { secret: 'loopback' },
    },
    dbConnectionOptions: { type: 'postgres', synchronize: true, ...settings.database },
    paymentOptions: {
        ...vendure.defaultConfig.paymentOptions,
        paymentMethodHandlers: [vendure.dummyPaymentHandler],
    },
    logger: new vendure.DefaultLogger({ level: vendure.LogLevel.Warn }),
};

const shopData = {
    defaultLanguage: vendure.LanguageCode.en,
    defaultZone: 'EU',
    countries: [{ name: 'Germany', code: 'DE', zone: 'EU' }],
    taxRates: [{ name: 'VAT', percentage: 19 }],
    shippingMethods: [{ name: 'Parcel', price: 490 }],
    paymentMethods: [{
        name: 'Invoice',
        handler: {
            code: vendure.dummyPaymentHandler.code,
            arguments: [{ name: 'automaticSettle', value: 'true' }],
        },
    }],
    collections: [],
};

async function start() {
    if (!settings.seed) {
        return vendure.bootstrap(config);
    }
    const { populate } = require('@vendure/core/cli');
    return populate(() => vendure.bootstrap(config), shopData);
}

start().then(
    (app) => {
        process.stdout.write('ready\n');
        process.once('SIGTERM', () => app.close().finally(() => process.exit(0)));
    },
    (error) => {
        process.stderr.write(`${error.stack}\n`);
        process.exit(1);
    },
);
