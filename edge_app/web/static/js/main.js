// Starts the page: who is signed in, which page is asked for, and what all pages share.
import { loadSession, whenLoggedOut } from "./api.js";
import { fill, toast } from "./dom.js";
import { Opinions } from "./findings.js";
import { loading, failure } from "./parts.js";
import { Shell } from "./shell.js";
import { Stream } from "./stream.js";
import { currentLanguage, setLanguage, t } from "./texts.js";
import { applyTheme } from "./theme.js";
import { showHealth } from "./pages/health.js";
import { showHistory } from "./pages/history.js";
import { showLive } from "./pages/live.js";
import { showPeople } from "./pages/people.js";
import { showReport } from "./pages/report.js";
import { showSettings } from "./pages/settings.js";
import { showFirstStart, showSignIn } from "./pages/sign_in.js";
import { showForbidden, showNotFound } from "./pages/refusals.js";

const PAGES = [
  [/^\/(live)?$/, showLive, "live"],
  [/^\/history$/, showHistory, "history"],
  [/^\/history\/([0-9a-f-]+)$/, showReport, "history"],
  [/^\/health$/, showHealth, "health"],
  [/^\/settings$/, showSettings, "settings", "technician"],
  [/^\/people$/, showPeople, "people", "technician"],
];

const app = document.getElementById("app");
let session = null;
let stream = null;
let shell = null;
let opinions = null;
let closePage = () => {};

async function start() {
  fill(app, loading());
  try {
    session = await loadSession();
  } catch (error) {
    fill(app, failure(error, start));
    setTimeout(() => session ?? start(), 4000);
    return;
  }
  if (session.setup_needed) return showAlone(() => showFirstStart(enter));
  if (!session.account) return showAlone(() => showSignIn(enter, session));
  enter(session);
}

/** Shows a page without navigation. */
function showAlone(make) {
  leave();
  app.replaceChildren(make());
  app.querySelector("input")?.focus();
}

function enter(signedIn) {
  leave();
  session = signedIn;
  stream = new Stream();
  opinions = new Opinions(session.account);
  shell = new Shell({ session, stream, redraw: () => enter(session) });
  app.replaceChildren(shell.element);
  stream.addEventListener("bye", checkSession);
  stream.addEventListener("refused", checkSession);
  stream.addEventListener("connection", ({ detail }) => detail && shell.wasLost && toast(t("lost.back"), { level: "ok" }));
  stream.addEventListener("opinion", ({ detail }) => opinions.learn({ opinions: [detail] }));
  stream.start();
  route();
}

function leave() {
  closePage();
  closePage = () => {};
  stream?.stop();
  document.querySelectorAll("dialog").forEach((open) => open.close());
}

let checking = false;
async function checkSession() {
  if (checking) return;
  checking = true;
  const now = await loadSession().catch(() => null);
  checking = false;
  if (now && !now.account) loggedOut();
}

function loggedOut() {
  if (!session?.account) return;
  session = { ...session, account: null };
  showAlone(() => showSignIn(enter, session, t("in.ended")));
}
whenLoggedOut(loggedOut);

async function route() {
  closePage();
  closePage = () => {};
  const path = location.pathname;
  const [pattern, show, name, role] = PAGES.find(([candidate]) => candidate.test(path)) ?? [/^/, showNotFound, ""];
  const content = shell.open(name, path);
  const page = role && role !== session.account.role ? showForbidden : show;
  const context = { session, stream, opinions, go, parameters: path.match(pattern).slice(1), query: new URLSearchParams(location.search) };
  closePage = page(content, context) ?? (() => {});
}

/** Goes to another page. */
function go(path, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"]({}, "", path);
  route();
  scrollTo(0, 0);
}

addEventListener("popstate", () => session?.account && route());
document.addEventListener("click", (event) => {
  const anchor = event.target.closest("a[href]");
  const plain = !event.defaultPrevented && event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
  if (!anchor || !plain || anchor.target || anchor.hasAttribute("download") || anchor.origin !== location.origin) return;
  if (anchor.pathname.startsWith("/api/") || anchor.pathname.startsWith("/print/") || anchor.hash) return;
  event.preventDefault();
  go(anchor.pathname + anchor.search);
});

applyTheme();
setLanguage(currentLanguage());
start();
