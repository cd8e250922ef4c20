/** The first thing that makes this node unfit to go on; later ones are its consequences. */
export class Failure {
  readonly occurred: Promise<Error>;
  readonly #report: (error: Error) => void;

  constructor() {
    const { promise, resolve } = withResolvers<Error>();
    this.occurred = promise;
    this.#report = resolve;
  }

  report(error: Error): void {
    this.#report(error);
  }
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
