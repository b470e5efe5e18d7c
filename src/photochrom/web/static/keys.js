/** The keys of the page that belong to no one place in it. */

/** Whether keys are being typed into a field, which has its own undo. */
const typing = ({ target }) => target.matches?.("input:not([type=range]), textarea");

/**
 * @param {{editor: import("./editor.js").Editor, stage: import("./stage.js").Stage,
 *   undo: () => void, redo: () => void, escape: () => void}} parts
 */
export function listen({ editor, stage, undo, redo, escape }) {
  const zoom = {
    "+": stage.zoomIn, "=": stage.zoomIn, "-": stage.zoomOut, _: stage.zoomOut, 0: stage.zoomToFit,
  };
  addEventListener("keydown", (event) => {
    const dialog = document.querySelector("dialog[open], :popover-open");
    if (!editor.ready || typing(event) || dialog) return;
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && !event.altKey) {
      const act = key === "z" ? (event.shiftKey ? redo : undo) : key === "y" ? redo : null;
      if (!act) return;
      event.preventDefault();
      act();
    } else if (key === "escape") {
      escape();
    } else if (key in zoom && !event.altKey) {
      event.preventDefault();
      zoom[key]();
    }
  });
}
