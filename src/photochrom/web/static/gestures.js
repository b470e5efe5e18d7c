/** Wheel, mouse, fingers and the space bar on the stage: what is a click, what zooms, what pans. */

const STILL = { mouse: 4, pen: 8, touch: 10 }; // pixels that a click may stray
const WHEEL = 0.0016; // zoom, as a logarithm, per pixel of a wheel
const PINCH = 4; // times that for a touchpad's pinch, which comes in small steps
const UNITS = [1, 16, 400]; // pixels of the wheel's units: pixels, lines, pages

/** @param {import("./stage.js").Stage} stage */
export function watch(stage) {
  const { element } = stage;
  const pointers = new Map(); // where they are, by their id
  let gesture = null; // where it began, and whether it may still be a click
  let space = false;

  function hold(held) {
    space = held;
    element.classList.toggle("grab", held);
  }

  function down(event) {
    if (event.button > 1) return;
    if (event.button === 1) event.preventDefault();
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const still = !space && event.button === 0 && pointers.size === 1;
    gesture = { x: event.clientX, y: event.clientY, still };
  }

  function move(event) {
    const last = pointers.get(event.pointerId);
    if (!last) return;
    const now = { x: event.clientX, y: event.clientY };
    const fixed = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    pointers.set(event.pointerId, now);
    if (fixed) {
      const reach = (p) => Math.max(20, Math.hypot(p.x - fixed.x, p.y - fixed.y));
      stage.zoomBy(reach(now) / reach(last), (last.x + fixed.x) / 2, (last.y + fixed.y) / 2);
      stage.panBy((now.x - last.x) / 2, (now.y - last.y) / 2);
      return;
    }
    const strayed = Math.hypot(now.x - gesture.x, now.y - gesture.y);
    if (gesture.still && strayed <= (STILL[event.pointerType] ?? 6)) return;
    gesture.still = false;
    stage.panBy(now.x - last.x, now.y - last.y);
  }

  function up(event) {
    if (!pointers.delete(event.pointerId) || pointers.size) return;
    if (!gesture.still || event.type === "pointercancel") return;
    const at = stage.toPhoto(event.clientX, event.clientY);
    stage.emit(at ? "point" : "beside", at);
  }

  element.addEventListener("pointerdown", down);
  element.addEventListener("pointermove", move);
  element.addEventListener("pointerup", up);
  element.addEventListener("pointercancel", up);
  element.addEventListener("wheel", (event) => {
    event.preventDefault();
    const pixels = event.deltaY * UNITS[event.deltaMode] * (event.ctrlKey ? PINCH : 1);
    stage.zoomBy(Math.exp(-pixels * WHEEL), event.clientX, event.clientY);
  }, { passive: false });
  addEventListener("keydown", (event) => {
    if (event.key !== " " || document.activeElement !== document.body) return;
    event.preventDefault();
    hold(true);
  });
  addEventListener("keyup", (event) => event.key === " " && hold(false));
  addEventListener("blur", () => hold(false));
}
