/**
 * Where this page lies. Others may lie beside it at the same host, below other paths; what a browser
 * keeps by host is theirs, too.
 */

const path = new URL(".", document.baseURI).pathname;

/** What something is called that the browser keeps for this page alone. */
export const own = (name) => (path === "/" ? name : path + name);
