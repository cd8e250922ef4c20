/** Thrown when another process answers on the socket that the API should listen on. */
export class SocketInUseError extends Error {
  override readonly name = 'SocketInUseError';
  readonly code = 'RAFTWALL_API_SOCKET_IN_USE';
  readonly path: string;

  constructor(path: string) {
    super(`Another process answers on ${path}; is raftwalld running already?`);
    this.path = path;
  }
}

/** Thrown when something that is not a socket stands where the API's socket should be. */
export class NotASocketError extends Error {
  override readonly name = 'NotASocketError';
  readonly code = 'RAFTWALL_API_NOT_A_SOCKET';
  readonly path: string;

  constructor(path: string) {
    super(`${path} exists and is not a socket; it was left alone`);
    this.path = path;
  }
}

/** Thrown when a line of the tokens file cannot be understood. */
export class TokensFileError extends Error {
  override readonly name = 'TokensFileError';
  readonly code = 'RAFTWALL_API_TOKENS_FILE';
  readonly line: number;

  constructor(line: number, problem: string) {
    super(
      `Line ${line} of the tokens file ${problem}; a line is NAME ROLE sha256:HEX with ROLE reader, operator or admin`,
    );
    this.line = line;
  }
}

/** Thrown when the API would be reachable from beyond this machine without certificate or tokens. */
export class UnprotectedListenError extends Error {
  override readonly name = 'UnprotectedListenError';
  readonly code = 'RAFTWALL_API_UNPROTECTED';
  readonly host: string;

  constructor(host: string) {
    super(`The API may listen on ${host} only with tls and tokensFile`);
    this.host = host;
  }
}
