/** Stands for what a test does not want to ask. */
export function pay(what: string): Promise<string> {
  return Promise.reject(new Error(`no database to pay ${what}`));
}
