export { boundedFetch } from "./bounded-fetch.ts";
export type { Network } from "./network.ts";
export { networkOfHost, webRequest, type WebAnswer, type WebRequest } from "./request.ts";
