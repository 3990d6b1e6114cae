/**
 * A value that is made when it is first asked for, once. Every command evaluates the top level of every module, so that a table which
 * few commands look at costs all of them what it takes to build.
 */
export function once<Value extends object>(make: () => Value): () => Value {
  let value: Value | undefined;
  return () => {
    value ??= make();
    return value;
  };
}
