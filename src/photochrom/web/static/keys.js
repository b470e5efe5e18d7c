/** The keys of the page that belong to no one place in it. */

/** Whether keys are being typed into a field, which has its own undo. */
const typing = ({ target }) => target.matches?.("input:not([type=range]), textarea");

/**
 * @param {{editor: import("./editor.js").Editor, stage: import("./stage.js").Stage,
 *   undo: () => void, redo: () => void, escape: () => void}} parts
 */
export function listen({ editor, stage, undo, redo, escape }) {
  const plain = {
    "+": stage.zoomIn, "=": stage.zoomIn, "-": stage.zoomOut, _: stage.zoomOut, 0: stage.zoomToFit,
    escape,
  };
  addEventListener("keydown", (event) => {
    const dialog = document.querySelector("dialog[open], :popover-open");
    if (!editor.ready || typing(event) || dialog || event.altKey) return;
    const control = { z: event.shiftKey ? redo : undo, y: redo };
    const act = (event.ctrlKey || event.metaKey ? control : plain)[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
