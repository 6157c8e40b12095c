# Definitions of one signature in clamd's own container, as `sigtool --build --unsigned` makes it; the header says when.
# Arguments: the folder of the definitions, when they were made (seconds since 1970), the signature in hexadecimal digits.
set -e
work=$(mktemp -d)
cd "$work"
head="ClamAV-VDB:23 Nov 2026 06-00 +0000:7:1:90"
printf 'Own.Test:0:*:%s\n' "$3" > own.ndb
sum=$(sha256sum < own.ndb | cut -c1-64)
printf '%s:X:X:own:%s\nown.ndb:%s:%s\n' "$head" "$2" "$(stat -c %s own.ndb)" "$sum" > own.info
tar --format=ustar -cf own.tar own.info own.ndb
md5=$(md5sum < own.tar | cut -c1-32)
{ printf '%-512s' "$head:$md5:X:own:$2"; cat own.tar; } > "$1/own.part"
mv "$1/own.part" "$1/own.cud"
rm -r "$work"
