/*
 * The page: takes a file, asks the worker, puts the answers in place. It never looks into the file itself, so it stays
 * responsive whatever the file's size; the patched file is a Blob of slices of the old one and the new bytes.
 */
import type {EditRequest} from '../src/edit/request/request.js';
import type {Answer, Field, Opened, Planned, Question} from './protocol.js';

/** Defined by the build. */
declare const WORKER_SOURCE: string;
declare const SAMPLE: readonly (readonly [offset: number, base64: string])[];
declare const SAMPLE_SIZE: number;

/** Milliseconds to wait after the last key before making a plan. */
const typingPause = 150;

const worker = new Worker(URL.createObjectURL(new Blob([WORKER_SOURCE], {type: 'text/javascript'})));
let last = 0;
let file: File | undefined;
let opened: Opened | undefined;
let typing: ReturnType<typeof setTimeout> | undefined;

const elements = {
  drop: byId('drop', HTMLElement),
  picker: byId('picker', HTMLInputElement),
  sample: byId('sample', HTMLButtonElement),
  status: byId('status', HTMLElement),
  error: byId('error', HTMLElement),
  shown: byId('shown', HTMLElement),
  name: byId('name', HTMLElement),
  headline: byId('headline', HTMLElement),
  facts: byId('facts', HTMLElement),
  map: byId('map', HTMLElement),
  tables: byId('tables', HTMLElement),
  form: byId('edit', HTMLFormElement),
  interpreter: byId('interpreter', HTMLInputElement),
  interpreterHint: byId('interpreter-hint', HTMLElement),
  pathKind: byId('path-kind', HTMLSelectElement),
  path: byId('path', HTMLInputElement),
  pathHint: byId('path-hint', HTMLElement),
  reset: byId('reset', HTMLButtonElement),
  planError: byId('plan-error', HTMLElement),
  planBox: byId('plan-box', HTMLElement),
  plan: byId('plan', HTMLElement),
  comparison: byId('comparison', HTMLElement),
  download: byId('download', HTMLAnchorElement),
  downloadHint: byId('download-hint', HTMLElement),
};

worker.addEventListener('message', ({data}: MessageEvent<Answer>) => receive(data));
worker.addEventListener('error', (event) => showError(`The page's own code failed: ${event.message}`));
elements.picker.addEventListener('change', () => openFile(elements.picker.files?.[0]));
elements.sample.addEventListener('click', () => openFile(sampleFile()));
elements.form.addEventListener('submit', (event) => event.preventDefault());
elements.form.addEventListener('input', () => askLater());
elements.reset.addEventListener('click', () => {
  if (opened !== undefined) fillForm(opened);
  askLater();
});
for (const type of ['dragenter', 'dragover'] as const) document.addEventListener(type, hover);
for (const type of ['dragleave', 'drop'] as const) document.addEventListener(type, () => setHover(false));
document.addEventListener('drop', (event) => {
  event.preventDefault();
  openFile(event.dataTransfer?.files[0]);
});

function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${id}`);
  return found;
}

function hover(event: DragEvent): void {
  event.preventDefault();
  setHover(true);
}

function setHover(isOver: boolean): void {
  elements.drop.classList.toggle('over', isOver);
}

type WithoutId<T> = T extends {readonly id: number} ? Omit<T, 'id'> : never;

function ask(question: WithoutId<Question>): void {
  last += 1;
  worker.postMessage({id: last, ...question});
}

function openFile(chosen: File | undefined): void {
  if (chosen === undefined) return;
  clearTimeout(typing);
  file = chosen;
  opened = undefined;
  elements.shown.hidden = true;
  elements.error.hidden = true;
  say(`Reading ${chosen.name} …`);
  ask({ask: 'open', file: chosen});
  // Choosing the same file again should read it again.
  elements.picker.value = '';
}

function receive(answer: Answer): void {
  if (answer.id !== last) return;
  if (answer.answer === 'opened') showFile(answer);
  else if (answer.answer === 'planned') showPlan(answer);
  else if (opened === undefined) showError(answer.message);
  else showPlanError(answer.message);
}

function say(text: string): void {
  elements.status.textContent = text;
}

function showError(message: string): void {
  say('');
  elements.error.textContent = message;
  elements.error.hidden = false;
}

function showFile(answer: Opened): void {
  opened = answer;
  elements.name.textContent = file?.name ?? '';
  elements.headline.textContent = answer.headline;
  elements.facts.innerHTML = answer.facts;
  elements.map.innerHTML = answer.map;
  elements.tables.innerHTML = answer.tables;
  fillForm(answer);
  hidePlan();
  elements.shown.hidden = false;
  document.body.classList.add('loaded');
  say(`${file?.name} is open. Its description and map follow.`);
}

function fillForm({interpreter, searchPath}: Opened): void {
  fillField(elements.interpreter, elements.interpreterHint, interpreter);
  fillField(elements.path, elements.pathHint, searchPath);
  elements.pathKind.value = searchPath.tag ?? 'runpath';
  elements.pathKind.disabled = searchPath.whyNot !== undefined;
  elements.reset.hidden = interpreter.whyNot !== undefined && searchPath.whyNot !== undefined;
}

function fillField(input: HTMLInputElement, hint: HTMLElement, {value, whyNot}: Field): void {
  input.value = value;
  input.disabled = whyNot !== undefined;
  hint.textContent = whyNot ?? hint.dataset.hint ?? '';
}

function askLater(): void {
  clearTimeout(typing);
  withdrawPlan();
  elements.path.disabled = elements.pathKind.disabled || elements.pathKind.value === 'remove';
  typing = setTimeout(() => {
    const request = requestOf();
    if (request === undefined) return;
    if (Object.keys(request).length === 0) {
      hidePlan();
      say('Nothing is changed yet.');
    } else {
      say('Planning …');
      ask({ask: 'plan', request});
    }
  }, typingPause);
}

/** A plan for earlier input must not be applied to the current input. */
function withdrawPlan(): void {
  last += 1;
  elements.download.hidden = true;
  elements.planBox.classList.add('stale');
}

/** The values that differ from the file's. */
function requestOf(): EditRequest | undefined {
  if (opened === undefined) return undefined;
  const {interpreter, searchPath} = opened;
  const {value: kind} = elements.pathKind;
  const path = elements.path.value;
  const isPathChanged =
    path !== searchPath.value || (searchPath.tag !== undefined && kind !== searchPath.tag);
  return {
    ...(elements.interpreter.disabled || elements.interpreter.value === interpreter.value
      ? {}
      : {interpreter: elements.interpreter.value}),
    ...(elements.pathKind.disabled || !isPathChanged ? {} : pathRequest(kind, path, searchPath.tag)),
  };
}

function pathRequest(kind: string, path: string, tag: string | undefined): EditRequest {
  if (kind === 'remove') return tag === undefined ? {} : {removeRpath: true};
  return kind === 'rpath' ? {rpath: path} : {runpath: path};
}

function hidePlan(): void {
  elements.planBox.hidden = true;
  elements.planError.hidden = true;
}

function showPlanError(message: string): void {
  hidePlan();
  elements.planError.textContent = message;
  elements.planError.hidden = false;
  say('This cannot be done.');
}

function showPlan(answer: Planned): void {
  elements.planError.hidden = true;
  elements.plan.innerHTML = answer.plan;
  elements.comparison.innerHTML = answer.comparison;
  elements.planBox.hidden = false;
  elements.planBox.classList.remove('stale');
  offerDownload(answer);
  say(answer.writes.length === 0 ? 'Nothing to change.' : 'The plan is ready.');
}

function offerDownload(answer: Planned): void {
  URL.revokeObjectURL(elements.download.href);
  const isOffered = file !== undefined && answer.writes.length > 0;
  elements.download.hidden = !isOffered;
  elements.downloadHint.hidden = !isOffered;
  elements.download.removeAttribute('href');
  if (!isOffered || file === undefined) return;
  const blob = new Blob(patchedParts(file, answer), {type: 'application/octet-stream'});
  elements.download.href = URL.createObjectURL(blob);
  elements.download.download = file.name;
  elements.download.textContent = `Download the patched ${file.name}`;
}

/** Slices of the old file with the new bytes between them; zeros where a write begins past the old end. */
function patchedParts(old: File, {writes, outputSize}: Planned): BlobPart[] {
  const parts: BlobPart[] = [];
  let at = 0;
  const copyTo = (end: number) => {
    if (end <= at) return;
    if (at < old.size) parts.push(old.slice(at, Math.min(end, old.size)));
    if (end > old.size) parts.push(new Uint8Array(end - Math.max(at, old.size)));
    at = end;
  };
  for (const {offset, bytes} of writes) {
    copyTo(offset);
    parts.push(bytes as Uint8Array<ArrayBuffer>);
    at = offset + bytes.length;
  }
  copyTo(outputSize);
  return parts;
}

function sampleFile(): File {
  const bytes = new Uint8Array(SAMPLE_SIZE);
  for (const [offset, base64] of SAMPLE) {
    bytes.set(
      Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)),
      offset,
    );
  }
  return new File([bytes], 'sample');
}
