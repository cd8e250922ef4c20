/** A request that cannot be served as it is; nothing was done. */
export class RequestError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const bodyBytesMax = 256 * 1024;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The whole body, at most 256 KiB of UTF-8.
 *
 * @param {import('node:http').IncomingMessage} request
 * @throws {RequestError} If it is longer or something else.
 */
export async function readText(request) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length;
    // What is too much is read and thrown away: a connection that closes before could lose the answer.
    if (bytes <= bodyBytesMax) chunks.push(chunk);
  }
  if (bytes > bodyBytesMax) throw new RequestError(413, `a body has at most ${bodyBytesMax} bytes`);
  try {
    return utf8.decode(Buffer.concat(chunks));
  } catch {
    throw new RequestError(400, 'the body is not UTF-8');
  }
}
