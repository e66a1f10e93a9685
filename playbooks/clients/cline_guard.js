// Preloaded into Cline's command line, which is a program of Bun's: BUN_OPTIONS names this file.
//
// A repository's `.cline` and `.clinerules` bring hooks and plugins, which Cline runs at its start and hands every
// prompt (measured, 3.0.65), and no switch of Cline's keeps it from that. So it does not see them, imports nothing but
// what it has built in, and fetches nothing but from this laptop: its feature switches, catalogs and news are not asked
// for at all.
const fs = require("fs")
const { dirname, resolve, sep } = require("path")

const OWN = dirname(__filename) + sep
const CODE = /[\\/](\.cline|\.clinerules|\.agents|Documents[\\/]Cline)[\\/](hooks|plugins)([\\/]|$)/i

delete process.env.BUN_OPTIONS // what Cline runs for the user (bun test) is not ours
globalThis.AI_SDK_LOG_WARNINGS = false // Cline's library warns of Cline itself, five lines a request

const hidden = (path) => {
  const full = resolve(String(path))
  return CODE.test(full) && !full.startsWith(OWN)
}
const { existsSync, readdirSync } = fs
fs.existsSync = (path, ...more) => !hidden(path) && existsSync(path, ...more)
fs.readdirSync = (path, ...more) => (hidden(path) ? [] : readdirSync(path, ...more))
