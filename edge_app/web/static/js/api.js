// Requests to the box. Every answer is JSON; every error becomes an ApiError with words to show.
import { t } from "./texts.js";

const TIMEOUT_MS = 15000;
let csrfToken = null;
let onLoggedOut = () => {};

/** An error that the box told, or that it could not be reached (status 0). */
export class ApiError extends Error {
  constructor(status, code, text, details = {}) {
    super(text);
    Object.assign(this, { status, code, details });
  }
}

/** Called whenever the box says that nobody is logged in any more. */
export function whenLoggedOut(handler) {
  onLoggedOut = handler;
}

/** @returns the session: {setup_needed, account, device_id, software, ...} */
export async function loadSession() {
  return remember(await get("/api/session"));
}

export async function signIn(name, password) {
  return remember(await send("POST", "/api/login", { name, password }));
}

export async function setUp(code, name, password) {
  return remember(await send("POST", "/api/setup", { code, name, password }));
}

function remember(session) {
  csrfToken = session.csrf_token;
  return session;
}

export const get = (path, query = {}) => request("GET", path + queryOf(query));
export const post = (path, body = {}, timeout_ms = TIMEOUT_MS) => send("POST", path, body, timeout_ms);
export const put = (path, body) => send("PUT", path, body);
export const remove = (path) => request("DELETE", path, { headers: { "X-CSRF-Token": csrfToken ?? "" } });

/** Waits until a report that was asked for is made, for 10 s at most: the stream tells only of the newest of many. */
export async function whenMade(reportId, then, tries = 20) {
  const view = await get(`/api/reports/${reportId}`).catch(() => null);
  if (view) then(view);
  else if (tries > 0) setTimeout(() => whenMade(reportId, then, tries - 1), 500);
}

/** "?a=1&b=2" of what is not empty. */
export function queryOf(query) {
  const pairs = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return pairs.length ? `?${new URLSearchParams(pairs)}` : "";
}

function send(method, path, body, timeout_ms) {
  const headers = { "Content-Type": "application/json" };
  if (csrfToken) headers["X-CSRF-Token"] = csrfToken;
  return request(method, path, { headers, body: JSON.stringify(body) }, timeout_ms);
}

async function request(method, path, options = {}, timeout_ms = TIMEOUT_MS) {
  let response;
  try {
    response = await fetch(path, { method, credentials: "same-origin", signal: AbortSignal.timeout(timeout_ms), ...options });
  } catch {
    throw new ApiError(0, "unreachable", t("error.unreachable"));
  }
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  if (response.status === 401 && answer.error === "not_logged_in") onLoggedOut();
  throw new ApiError(response.status, answer.error ?? "internal", answer.text ?? t("error.internal"), answer.details);
}

/** What to tell a person about an error, in the language of the page where that is known. */
export function wordsOf(error) {
  if (!(error instanceof ApiError)) return t("error.internal");
  if (error.status === 429) return t("error.too_many", { seconds: error.details?.retry_after_s ?? 30 });
  const problems = error.details?.problems?.map((problem) => problem.text).join(" ");
  return problems || error.message;
}
