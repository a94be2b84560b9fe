package main

// shellScripts make the shells ask [program.complete] what a word can become.
var shellScripts = map[string]string{"bash": bashScript, "zsh": zshScript, "fish": fishScript, "powershell": powershellScript}

// bash splits at = and :, which complete mends, and quotes nothing itself but
// the names of files.
const bashScript = `# qsync: what Tab completes in bash.  eval "$(qsync completion bash)"
_qsync() {
    local line text cur="${COMP_WORDS[COMP_CWORD]}"
    [ "$cur" = = ] && cur=
    COMPREPLY=()
    while IFS= read -r line; do
        case "$line" in
        :dirs)
            compopt -o filenames
            while IFS= read -r text; do COMPREPLY+=("$text"); done < <(compgen -d -- "$cur") ;;
        :files)
            compopt -o filenames
            while IFS= read -r text; do COMPREPLY+=("$text"); done < <(compgen -f -- "$cur") ;;
        *)
            text="${line%%$'\t'*}"
            case "$text" in /*) compopt -o filenames ;; esac
            case "$text" in *=) compopt -o nospace ;; esac
            COMPREPLY+=("$text") ;;
        esac
    done < <("${COMP_WORDS[0]}" __complete bash "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _qsync qsync
`

const zshScript = `#compdef qsync
# qsync: what Tab completes in zsh.  source <(qsync completion zsh)
_qsync() {
    local line text help shell=
    local -a described
    for line in "${(@f)$("${words[1]}" __complete zsh "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        case "$line" in
        (:*) shell="$line" ;;
        (?*)
            text="${line%%$'\t'*}" help="${line#*$'\t'}"
            described+=("${text//:/\\:}${help:+:$help}") ;;
        esac
    done
    (( $#described )) && _describe -t qsync qsync described
    case "$shell" in
    (:dirs) _files -/ ;;
    (:files) _files ;;
    esac
}
if [ "$funcstack[1]" = _qsync ]; then
    _qsync "$@"
else
    compdef _qsync qsync
fi
`

const fishScript = `# qsync: what Tab completes in fish.  qsync completion fish | source
function __qsync_complete
    set -l typed (commandline -opc)
    set -l now (commandline -ct)
    for line in ($typed[1] __complete fish $typed[2..-1] "$now" 2>/dev/null)
        switch $line
            case ':dirs'
                __fish_complete_directories "$now" ''
            case ':files'
                __fish_complete_path "$now" ''
            case '*'
                echo $line
        end
    end
end
complete -c qsync -f -a '(__qsync_complete)'
`

const powershellScript = `# qsync: what Tab completes in PowerShell.  qsync completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName qsync, qsync.exe -ScriptBlock {
    param($now, $ast, $position)
    $typed = @($ast.CommandElements | Where-Object { $_.Extent.StartOffset -lt $position } | ForEach-Object { $_.ToString() })
    $shell = if ($now -eq '') { 'powershell-next' } else { 'powershell' }
    $rest = @($typed | Select-Object -Skip 1)
    & $typed[0] __complete $shell @rest 2>$null | ForEach-Object {
        if ($_ -eq ':dirs' -or $_ -eq ':files') {
            $only = @{}
            if ($_ -eq ':dirs') { $only = @{ Directory = $true } }
            Get-ChildItem -Path "$now*" @only -ErrorAction SilentlyContinue | ForEach-Object {
                $path = Join-Path (Split-Path -Path "$now." -Parent) $_.Name
                if ($path -match '[^\w./\\:~-]') { $path = "'" + $path.Replace("'", "''") + "'" }
                [System.Management.Automation.CompletionResult]::new($path, $_.Name, 'ProviderItem', $_.Name)
            }
        } else {
            $text, $help = $_ -split [char]9, 2
            if (-not $help) { $help = $text }
            $value = $text
            if ($value -match '[^\w./\\:=~-]') { $value = "'" + $value.Replace("'", "''") + "'" }
            [System.Management.Automation.CompletionResult]::new($value, $text, 'ParameterValue', $help)
        }
    }
}
`
