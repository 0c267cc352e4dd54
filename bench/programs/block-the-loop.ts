/** Preloaded into a daemon: its event loop is blocked for 10 ms in every 30, as a long garbage collection would. */
setInterval(() => {
  const until = performance.now() + 10;
  while (performance.now() < until);
}, 30).unref();
