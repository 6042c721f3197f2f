// What a user of OpenAI's client for Node would write: nothing in here knows of Beacon but the models' names, and one
// header. The address and the key are in OPENAI_BASE_URL and OPENAI_API_KEY. Prints the answers as JSON.
import OpenAI, { toFile } from 'openai';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 500;
const SUM = 'What is 2+2?';
const CAPITAL = 'What is the capital of France?';

const client = new OpenAI();
const [models, ...answers] = await Promise.all([
  listModels(),
  chat('llama3.2-1b@us', SUM),
  chat('llama3.2-1b@us', CAPITAL),
  stream('llama3.2-1b@eu', SUM),
  stream('llama3.2-1b@eu', CAPITAL),
  complete('qwen2.5-1.5b', SUM),
  askAgain('mistral-7b@asia', CAPITAL),
  batch(),
]);
process.stdout.write(JSON.stringify({ models, answers: answers.flat() }));

async function listModels() {
  const found = [];
  for await (const { id } of client.models.list()) found.push(id);
  return found;
}

async function chat(model, question) {
  const { choices, usage } = await client.chat.completions.create({ model, messages: asked(question) });
  return { by: 'chat', question, text: choices[0].message.content, tokens: usage.completion_tokens };
}

async function stream(model, question) {
  const options = { stream: true, stream_options: { include_usage: true } };
  let text = '';
  let tokens = 0;
  for await (const chunk of await client.chat.completions.create({
    model,
    messages: asked(question),
    ...options,
  })) {
    text += chunk.choices[0]?.delta.content ?? '';
    tokens = chunk.usage?.completion_tokens ?? tokens;
  }
  return { by: 'stream', question, text, tokens };
}

async function complete(model, question) {
  const { choices, usage } = await client.completions.create({ model, prompt: question, max_tokens: 64 });
  return { by: 'completions', question, text: choices[0].text, tokens: usage.completion_tokens };
}

/** Without signs of life the gateway gives up again and again; the client's own retries must find the one job. */
async function askAgain(model, question) {
  const options = { maxRetries: 10, headers: { 'x-beacon-keep-alive': 'off' } };
  const { choices, usage } = await client.chat.completions.create(
    { model, messages: asked(question) },
    options,
  );
  return { by: 'retries', question, text: choices[0].message.content, tokens: usage.completion_tokens };
}

async function batch() {
  const lines = [
    line('sum-us', 'llama3.2-1b@us', SUM),
    line('capital-us', 'llama3.2-1b@us', CAPITAL),
    line('sum-eu', 'llama3.2-1b@eu', SUM),
    line('capital-anywhere', 'qwen2.5-1.5b', CAPITAL),
  ];
  const text = lines.map((one) => `${JSON.stringify(one)}\n`).join('');
  const file = await client.files.create({
    file: await toFile(Buffer.from(text), 'questions.jsonl'),
    purpose: 'batch',
  });
  let one = await client.batches.create({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
  });
  while (!['completed', 'failed', 'expired', 'cancelled'].includes(one.status)) {
    await delay(POLL_MS);
    one = await client.batches.retrieve(one.id);
  }
  const { total, completed, failed } = one.request_counts;
  if (one.status !== 'completed' || total !== lines.length || completed !== total || failed !== 0)
    throw new Error(`the batch: ${JSON.stringify(one)}`);
  const output = await (await client.files.content(one.output_file_id)).text();
  await client.files.delete(file.id);
  const answered = output
    .trimEnd()
    .split('\n')
    .map((row) => JSON.parse(row));
  return lines.map(({ custom_id: id, body }) => {
    const { body: answer } = answered.find(({ custom_id: its }) => its === id).response;
    const { content } = answer.choices[0].message;
    const question = body.messages[0].content;
    return { by: 'batch', question, text: content, tokens: answer.usage.completion_tokens };
  });
}

function line(id, model, question) {
  const body = { model, messages: asked(question) };
  return { custom_id: id, method: 'POST', url: '/v1/chat/completions', body };
}

function asked(question) {
  return [{ role: 'user', content: question }];
}
