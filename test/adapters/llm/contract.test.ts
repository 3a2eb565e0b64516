import { llmContract } from "../../contract/llm.ts";

llmContract("lmstudio");
llmContract("openai");
