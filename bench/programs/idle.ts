/** An empty program that stays: what Node itself costs. */
process.stdout.write('ready\n');
setInterval(() => {}, 1 << 30);
