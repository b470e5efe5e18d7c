/** What several parts of the page do with the document and with events. */

export const find = (id) => document.getElementById(id);

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** A new element. @param {object} properties such as className and ariaLabel */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

export const icon = (name) => {
  const holder = make("div");
  holder.innerHTML = `<svg><use href="#i-${name}"/></svg>`;
  return holder.firstChild;
};

export const spinner = () => make("i", { className: "spinner" });

/** What a click in a menu or dialog asks for: the data-do of its button. */
export const commandOf = ({ target }) => target.closest("[data-do]")?.dataset.do;

/** Whether keys are being typed into a field, which has its own undo. */
export const isTyping = ({ target }) => target.matches?.("input:not([type=range], [type=radio]), textarea");

/** Where an arrow key points, [right, down]; undefined for other keys. */
export const arrowOf = ({ key }) =>
  ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] })[key];

/** Has the pointer keep to an element while it is held down there. */
export function onDrag(element, { down = () => {}, move, up = () => {} }) {
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.stopPropagation();
    element.setPointerCapture(event.pointerId);
    down(event);
  });
  element.addEventListener("pointermove", (event) => {
    if (element.hasPointerCapture(event.pointerId)) move(event);
  });
  element.addEventListener("pointerup", up);
  element.addEventListener("pointercancel", up);
}

export class Emitter extends EventTarget {
  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  on(type, act) {
    this.addEventListener(type, ({ detail }) => act(detail));
  }
}
