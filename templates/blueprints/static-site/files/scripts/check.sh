#!/bin/sh
# Checks what build.sh made: each page is complete and each local link leads to
# a file. Writes reports/site.xml (JUnit) and exits 1 if a check fails.
set -eu
cd "$(dirname "$0")/.."

site=dist/site
cases=reports/cases.tmp
mkdir -p reports
: >"$cases"
failed=0
count=0

escape() {
	printf '%s' "$1" | sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g; s/"/\&quot;/g'
}

# check CLASS NAME MESSAGE COMMAND...: one test case, passed if COMMAND succeeds.
check() {
	class=$(escape "$1") name=$(escape "$2") message=$3
	shift 3
	count=$((count + 1))
	if "$@"; then
		printf '  <testcase classname="%s" name="%s"/>\n' "$class" "$name" >>"$cases"
		return
	fi
	failed=$((failed + 1))
	echo "FAILED $class: $message"
	printf '  <testcase classname="%s" name="%s"><failure message="%s"/></testcase>\n' \
		"$class" "$name" "$(escape "$message")" >>"$cases"
}

has() { grep -q "$2" "$1"; }
lacks() { ! grep -q "$2" "$1"; }
is_page() { [ -f "$1" ] || [ -f "$1/index.html" ]; }

# links PAGE: the values of its href and src attributes, one a line.
links() {
	awk 'BEGIN { RS = "<" }
	{
		while (match($0, /(href|src)="[^"]*"/)) {
			value = substr($0, RSTART, RLENGTH)
			$0 = substr($0, RSTART + RLENGTH)
			sub(/^[a-z]*="/, "", value)
			sub(/"$/, "", value)
			print value
		}
	}' "$1"
}

check_page() {
	page=${1#"$site/"}
	check "$page" 'has a title' "no <title> with text" has "$1" '<title>[^<]'
	check "$page" 'has a language' 'no lang attribute on <html>' has "$1" '<html [^>]*lang="'
	check "$page" 'is stamped' '@VERSION@ was not replaced' lacks "$1" '@VERSION@'
	links "$1" >reports/links.tmp
	while IFS= read -r link; do
		path=${link%%[?#]*}
		case $link in
		*:* | //* | '#'*) continue ;; # other sites, mail, this page
		/*) target=$site$path ;;
		*) target=$(dirname "$1")/$path ;;
		esac
		check "$page" "link $link" "link $link leads nowhere" is_page "$target"
	done <reports/links.tmp
}

for page in index.html 404.html style.css version.txt; do
	check site "$page" "$page is missing or empty" test -s "$site/$page"
done
find "$site" -type f -name '*.html' | sort >reports/pages.tmp
while IFS= read -r page; do
	check_page "$page"
done <reports/pages.tmp

{
	echo '<?xml version="1.0" encoding="UTF-8"?>'
	echo "<testsuite name=\"site\" tests=\"$count\" failures=\"$failed\" errors=\"0\" skipped=\"0\">"
	cat "$cases"
	echo '</testsuite>'
} >reports/site.xml
rm -f reports/*.tmp

echo "$count checks, $failed failed"
[ "$failed" -eq 0 ]
