import { runContract } from "./contract.ts";
import { sqlite } from "./house.ts";

runContract(sqlite);
