// Builds and updates the document without innerHTML: what comes from the box is text, never markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Makes an element.
 * @param {string} tag a name, with classes as in "p.quiet.small"; "svg:path" makes an SVG element
 * @param {object} attributes "onclick" and the like are handlers; true is an empty attribute; null and false leave it out
 * @param {...(Node|string|number|null|false|Array)} children
 */
export function h(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = name.startsWith("svg:") ? document.createElementNS(SVG, name.slice(4)) : document.createElement(name);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element[key] = value;
    else if (key === "class") element.setAttribute("class", [...classes, value].join(" "));
    else if (key === "vars") for (const [property, text] of Object.entries(value)) element.style.setProperty(property, text);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return element;
}

const HANDLERS = ["onclick", "onchange", "oninput", "onsubmit", "ontoggle"];

/**
 * Makes an element look like another one, keeping what is there: a finger on a button, an open list and the focus survive
 * that new numbers come in.
 */
export function morph(old, wanted) {
  if (old.nodeType !== wanted.nodeType || old.nodeName !== wanted.nodeName || keyOf(old) !== keyOf(wanted)) {
    old.replaceWith(wanted);
    return wanted;
  }
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== wanted.data) old.data = wanted.data;
    return old;
  }
  for (const { name } of [...old.attributes]) {
    if (!wanted.hasAttribute(name) && !(name === "open" && old.localName === "details")) old.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (old.getAttribute(name) === value) continue;
    if (name === "style") old.style.cssText = value; // the security policy forbids the attribute
    else old.setAttribute(name, value);
  }
  for (const handler of HANDLERS) if (old[handler] !== wanted[handler]) old[handler] = wanted[handler];
  morphChildren(old, [...wanted.childNodes]);
  return old;
}

/** Replaces the children of an element, keeping those that stay. */
export function fill(parent, ...children) {
  const holder = h("div", {}, ...children);
  morphChildren(parent, [...holder.childNodes]);
}

function morphChildren(parent, wanted) {
  const keyed = new Map([...parent.childNodes].filter(keyOf).map((node) => [keyOf(node), node]));
  let current = parent.firstChild;
  for (const child of wanted) {
    const key = keyOf(child);
    let match = key ? keyed.get(key) : current;
    if (!key && match && keyOf(match)) match = null;
    if (match && match !== current) parent.insertBefore(match, current);
    if (match) current = morph(match, child).nextSibling;
    else parent.insertBefore(child, current);
  }
  while (current) {
    const next = current.nextSibling;
    current.remove();
    current = next;
  }
}

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null;
}

/** Shows a message for a few seconds; with an action, for longer. */
export function toast(text, { level = "info", action = null } = {}) {
  const area = document.getElementById("toasts");
  const box = h("div.toast", { class: level }, h("span", {}, text));
  const remove = () => box.remove();
  if (action) box.append(h("button.plain", { type: "button", onclick: () => { remove(); action.run(); } }, action.text));
  area.append(box);
  while (area.children.length > 3) area.firstChild.remove();
  setTimeout(remove, action || level === "bad" ? 8000 : 4500);
}
