// The stream of a firm's news. As a shared worker, it is one stream for all tabs of a browser: a browser opens six
// connections to one address, and ten tabs must work. Where a browser has no shared workers, a page runs this itself.
"use strict";

// follow opens a stream and tells what comes. It goes on for ever behind the last event that came, also after an answer
// that ends it. It returns a function that ends it.
function follow(live, tell) {
  let source = null, last = "", timer = null, wait = 1000, ended = false;
  const open = () => {
    source = new EventSource(live + (last ? "?after=" + encodeURIComponent(last) : ""));
    for (const name of ["hello", "news", "resync", "away", "back"]) {
      source.addEventListener(name, (e) => {
        last = e.lastEventId || last;
        wait = 1000;
        tell({name, news: JSON.parse(e.data)});
      });
    }
    source.onerror = () => {
      tell({name: "lost"});
      if (source.readyState !== EventSource.CLOSED || ended) return; // else it connects again by itself
      timer = setTimeout(open, wait);
      wait = Math.min(wait * 2, 30000);
    };
    source.onopen = () => tell({name: "open"});
  };
  open();
  return () => { ended = true; clearTimeout(timer); source.close(); };
}

if (self.SharedWorkerGlobalScope && self instanceof SharedWorkerGlobalScope) {
  const streams = new Map(); // by address: who listens, what was said of the connection, and how to end it
  const leave = (port) => {
    for (const [live, s] of streams) {
      if (s.ports.delete(port) && s.ports.size === 0) { s.end(); streams.delete(live); }
    }
  };
  const join = (port, live) => {
    leave(port);
    let s = streams.get(live);
    if (!s) {
      s = {ports: new Set(), state: null};
      streams.set(live, s);
      s.end = follow(live, (told) => {
        if (told.name !== "news") s.state = told;
        for (const each of s.ports) each.postMessage(told);
      });
    }
    s.ports.add(port);
    // Whoever joins later may have been loaded before the last news.
    if (s.state) port.postMessage(s.state.name === "lost" || s.state.name === "away" ? s.state : {name: "hello", news: {}});
  };
  self.onconnect = (e) => {
    const port = e.ports[0];
    port.onmessage = (m) => { if (m.data.live) join(port, m.data.live); else leave(port); };
  };
}
