const MAX_DEPTH = 200;
/** The library does not publish its class. */
const DURATION = "[object google.protobuf.Duration]";

/**
 * A result as plain JSON: whole numbers become numbers, times ISO 8601, durations seconds such as `90s`. Throws a
 * plain Error for what JSON has not: bytes, types, infinity, whole numbers beyond 2^53.
 */
export function toJson(value: unknown, depth = 0): unknown {
  if (depth > MAX_DEPTH) throw new Error("it is nested too deeply");
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      if (!Number.isFinite(value)) throw new Error(`${value} is not a number that JSON has`);
      return value;
    case "bigint":
      return wholeNumber(value);
    case "object":
      return value === null ? null : ofObject(value, depth);
    default:
      throw new Error(`it has a ${typeof value}`);
  }
}

function ofObject(value: object, depth: number): unknown {
  if (Array.isArray(value)) return value.map((item) => toJson(item, depth + 1));
  if (value instanceof Date) return value.toISOString();
  if (Object.prototype.toString.call(value) === DURATION) return (value as { toString(): string }).toString();
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null)
    throw new Error("it is a type or bytes, not a value of JSON");
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item, depth + 1)]));
}

function wholeNumber(value: bigint): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new Error(`${value} is beyond the whole numbers of JSON`);
}
