import { globMatcher } from "../../foundation/glob.ts";

/** Files that hold secrets by what they are called. No option lets them in: an answer would hand them to every asker. */
const isPrivateName = globMatcher(
  [
    "**/{.env,.env.*,*.env}",
    "**/*.{pem,key,p12,pfx,jks,keystore,kdbx,asc,gpg}",
    "**/{id_rsa,id_dsa,id_ecdsa,id_ed25519}*",
    "**/{.npmrc,.netrc,.pypirc,.htpasswd,.git-credentials,.dockercfg,.pgpass}",
    "**/{secret,secrets,credential,credentials}.{txt,json,yaml,yml,toml,env,sh,py,js,ts,rb,go}",
    "**/{.ssh,.aws,.gnupg,.kube}/**",
  ],
  { ignoreCase: true },
);

/** Whether a path names a file of keys, passwords or tokens. */
export function isPrivate(path: string): boolean {
  return isPrivateName(path);
}
