// A real OpenID Connect provider (oidc-provider) on a free port of this machine, for tests/accounts/test_provider.py.
// Anybody in ACCOUNTS signs in with any password; prints its address when it listens.
import { createServer } from "node:http";
import Provider from "oidc-provider";

const accounts = JSON.parse(process.env.ACCOUNTS);
const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: "callcenter", client_secret: "a-secret-of-the-test", redirect_uris: [process.env.REDIRECT_URI] }],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "preferred_username", "groups"] },
    pkce: { required: () => true },
    cookies: { keys: ["a-key-of-the-test"] },
    findAccount: (_context, sub) => accounts[sub] && { accountId: sub, claims: () => ({ sub, ...accounts[sub] }) },
    async loadExistingGrant(context) {
      const grant = new context.oidc.provider.Grant({ clientId: "callcenter", accountId: context.oidc.session.accountId });
      grant.addOIDCScope("openid email profile");
      await grant.save();
      return grant;
    },
  });
  server.on("request", provider.callback());
  console.log(issuer);
});
