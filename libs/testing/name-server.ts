import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const TYPE_A = 1;
const TYPE_AAAA = 28;
const NAME_AT_12 = 0xc00c;

/** A DNS server that gives each question for a name the next of the name's answers, the last one for ever. */
export class NameServer {
  /** Names that were asked for, once for each kind of address. */
  readonly asked: string[] = [];
  private readonly answers = new Map<string, (readonly string[] | 'silence')[]>();
  /** How many questions for its name there had been by then, of each question by its number. */
  private readonly ordinals = new Map<string, number>();

  private constructor(private readonly socket: Socket) {
    socket.on('message', (question, from) => {
      const reply = this.reply(question);
      if (reply !== undefined) socket.send(reply, from.port, from.address);
    });
  }

  static async start(): Promise<NameServer> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new NameServer(socket);
  }

  /** For `Resolver.setServers`. */
  get address(): string {
    return `127.0.0.1:${this.socket.address().port}`;
  }

  /** @param answers addresses of both kinds; `silence`: nothing is ever said */
  knows(name: string, ...answers: readonly (readonly string[] | 'silence')[]): void {
    this.answers.set(name, [...answers]);
  }

  async close(): Promise<void> {
    this.socket.close();
    await once(this.socket, 'close');
  }

  private reply(question: Buffer): Buffer | undefined {
    const { name, end } = nameAt(question, 12);
    const type = question.readUInt16BE(end);
    const left = this.answers.get(name);
    // A and AAAA are asked for together: both belong to one look-up.
    const ordinal = this.ordinalOf(`${question.readUInt16BE(0)} ${type} ${name}`, name);
    const answer = left === undefined ? [] : left[Math.min(left.length, Math.ceil(ordinal / 2)) - 1];
    if (answer === 'silence') return undefined;
    const records = (answer ?? [])
      .filter((address) => (address.includes(':') ? TYPE_AAAA : TYPE_A) === type)
      .map((address) => record(type, address.includes(':') ? ipv6(address) : ipv4(address)));
    const head = Buffer.alloc(12);
    question.copy(head, 0, 0, 2);
    // An answer, by whoever knows; a name that nobody told of does not exist.
    head.writeUInt16BE(left === undefined ? 0x8183 : 0x8180, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(records.length, 6);
    return Buffer.concat([head, question.subarray(12, end + 4), ...records]);
  }

  /** A question that comes again, because whoever asks had no answer in time, is the same one, and has the same number. */
  private ordinalOf(question: string, name: string): number {
    const known = this.ordinals.get(question);
    if (known !== undefined) return known;
    this.asked.push(name);
    const ordinal = this.asked.filter((each) => each === name).length;
    this.ordinals.set(question, ordinal);
    return ordinal;
  }
}

function nameAt(message: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = start;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

function record(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(NAME_AT_12, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

const ipv4 = (address: string): Buffer => Buffer.from(address.split('.').map(Number));

function ipv6(address: string): Buffer {
  const [front = '', back = ''] = address.split('::');
  const groups = (text: string): string[] =>
    text
      .split(':')
      .filter((group) => group !== '')
      .flatMap((group) => (group.includes('.') ? [ipv4(group).toString('hex')] : [group.padStart(4, '0')]));
  const left = groups(front).join('');
  const right = groups(back).join('');
  return Buffer.from(left.padEnd(32 - right.length, '0') + right, 'hex');
}
