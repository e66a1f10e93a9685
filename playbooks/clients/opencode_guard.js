// Lands in opencode's own folder of plugins; opencode loads it before any other, in the process that does its work.
//
// A repository's `.opencode/plugin` is imported although its configuration is switched off (measured, 1.18.33): code of
// whoever wrote the repository, with the key and every prompt at hand. So nothing is imported any more but this file
// and what opencode has built in, and nothing is fetched but from this laptop.
import { dirname, sep } from "path"
import { fileURLToPath } from "url"

const OWN = dirname(fileURLToPath(import.meta.url)) + sep

// What is set for opencode itself is taken back for the commands that it runs: git's and other tools' configurations.
export const Daybox = async () => ({
  "shell.env": async (_input, output) => {
    output.env.XDG_CONFIG_HOME = `${process.env.HOME}/.config`
    output.env.GIT_ALLOW_PROTOCOL = "file:git:http:https:ssh"
    output.env.npm_config_offline = "false"
  },
})
