/** One way of failing. */
export interface ErrorRow {
  /** HTTP status. */
  http: number;
  /** Exit code of the CLI; sysexits.h where one fits. */
  exit: number;
  means: string;
  fix: string;
}
