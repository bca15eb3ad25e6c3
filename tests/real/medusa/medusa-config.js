// An unmodified Medusa server on loopback, without its admin pages.
const { defineConfig } = require('@medusajs/framework/utils');

const anywhere = 'http://127.0.0.1';

module.exports = defineConfig({
    admin: { disable: true },
    projectConfig: {
        databaseUrl: process.env.DATABASE_URL,
        http: {
            storeCors: anywhere,
            adminCors: anywhere,
            authCors: anywhere,
            jwtSecret: 'loopback',
            jwtExpiresIn: process.env.SESSION || '1d',
            cookieSecret: 'loopback',
        },
    },
});
