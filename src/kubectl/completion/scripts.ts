/**
 * What `kubectl completion SHELL` prints. Each script asks the program for the words: it is called by the name that the
 * user calls it by, `sampan kubectl` included.
 */
const bash = String.raw`# completion of kubectl for bash: source <(kubectl completion bash)
__kubectl_complete() {
  local words=("\${COMP_WORDS[@]:0:COMP_CWORD+1}") program=("\${COMP_WORDS[0]}") skip=1 line
  if [ "\${COMP_WORDS[0]##*/}" = sampan ]; then
    [ "\${COMP_WORDS[1]}" = kubectl ] || return 0
    program=("\${COMP_WORDS[0]}" kubectl) skip=2
  fi
  COMPREPLY=()
  while IFS= read -r line; do
    COMPREPLY+=("$line")
  done < <("\${program[@]}" __complete "\${words[@]:skip}" 2>/dev/null)
  if [ "\${#COMPREPLY[@]}" -eq 1 ] && [[ "\${COMPREPLY[0]}" == *[=/] ]]; then
    compopt -o nospace
  fi
}
complete -o default -F __kubectl_complete kubectl sampan
`.replaceAll(String.raw`\$`, "$");

const zsh = String.raw`#compdef kubectl sampan
# completion of kubectl for zsh: source <(kubectl completion zsh)
__kubectl_complete() {
  local -a program found
  local skip=2
  program=("\${words[1]}")
  if [[ "\${words[1]:t}" == sampan ]]; then
    [[ "\${words[2]}" == kubectl ]] || return 0
    program=("\${words[1]}" kubectl)
    skip=3
  fi
  found=("\${(@f)$("\${program[@]}" __complete "\${(@)words[skip,CURRENT]}" 2>/dev/null)}")
  compadd -- "\${(@)found:#}"
}
compdef __kubectl_complete kubectl sampan
`.replaceAll(String.raw`\$`, "$");

const fish = String.raw`# completion of kubectl for fish: kubectl completion fish | source
function __kubectl_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l program $words[1]
  set -l rest $words[2..-1]
  if test (basename $program) = sampan
    test "$rest[1]" = kubectl; or return
    set program $program kubectl
    set rest $rest[2..-1]
  end
  $program __complete $rest 2>/dev/null
end
complete -c kubectl -f -a '(__kubectl_complete)'
complete -c sampan -n '__fish_seen_subcommand_from kubectl' -f -a '(__kubectl_complete)'
`;

export const completionScripts: Readonly<Record<string, string>> = { bash, zsh, fish };
