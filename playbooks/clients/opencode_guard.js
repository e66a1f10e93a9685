// Lands in opencode's own folder of plugins; opencode loads it before any other, in the process that does its work.
//
// A repository's `.opencode/plugin` is imported although its configuration is switched off (measured, 1.18.33): code of
// whoever wrote the repository, with the key and every prompt at hand. So nothing is imported any more but this file
// and what opencode has built in, and nothing is fetched but from this laptop.
import { dirname, sep } from "path"
import { fileURLToPath } from "url"

const OWN = dirname(fileURLToPath(import.meta.url)) + sep
const BUILT_IN = "/$bunfs/"
const LOOPBACK = ["127.0.0.1", "localhost"]

Bun.plugin({
  name: "daybox",
  setup(build) {
    build.onLoad({ filter: /.*/ }, ({ path }) =>
      path.startsWith(BUILT_IN) || path.startsWith(OWN) ? undefined : { contents: "export default {}", loader: "js" },
    )
  },
})

const fetched = globalThis.fetch
const guarded = (input, init) => {
  const { hostname } = new URL(input?.url ?? String(input))
  if (LOOPBACK.includes(hostname)) return fetched(input, init)
  return Promise.reject(new TypeError(`daybox: ${hostname} is not this laptop`))
}
globalThis.fetch = Object.assign(guarded, fetched)

// What is set for opencode itself is taken back for the commands that it runs: git's and other tools' configurations.
export const Daybox = async () => ({
  "shell.env": async (_input, output) => {
    output.env.XDG_CONFIG_HOME = `${process.env.HOME}/.config`
    output.env.GIT_ALLOW_PROTOCOL = "file:git:http:https:ssh"
    output.env.npm_config_offline = "false"
  },
})
