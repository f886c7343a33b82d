#!/bin/sh
# Makes the certificates of test_tls.py anew. They are good until 2126; their keys are no secrets.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$work/$1.key"; }

key ca
openssl req -x509 -new -key "$work/ca.key" -subj "/CN=Test authority" -days 36500 -out ca.pem \
    -addext "basicConstraints=critical,CA:true" -addext "keyUsage=critical,keyCertSign"
: >"$work/index"
echo 01 >"$work/serial"
printf '%s\n' "[ca]" "default_ca=a" "[a]" "database=$work/index" "serial=$work/serial" \
    "new_certs_dir=$work" "default_md=sha256" "policy=p" "unique_subject=no" \
    "copy_extensions=copy" "[p]" "commonName=supplied" >"$work/ca.cnf"

# signed NAME START END SUBJECT-ALTERNATIVE-NAMES
signed() {
    key "$1"
    openssl req -new -key "$work/$1.key" -subj "/CN=$1" -addext "subjectAltName=$4" \
        -out "$work/$1.csr"
    openssl ca -batch -notext -config "$work/ca.cnf" -cert ca.pem -keyfile "$work/ca.key" \
        -startdate "$2" -enddate "$3" -in "$work/$1.csr" -out "$work/$1.pem" 2>/dev/null
    cat "$work/$1.key" "$work/$1.pem" >"$1.pem"
}

here="DNS:localhost,IP:127.0.0.1,IP:::1"
signed good 20200101000000Z 21260101000000Z "$here"
signed expired 20200101000000Z 20210101000000Z "$here"
signed elsewhere 20200101000000Z 21260101000000Z "DNS:example.org,IP:192.0.2.1"
key stranger
openssl req -x509 -new -key "$work/stranger.key" -subj "/CN=stranger" -days 36500 \
    -addext "subjectAltName=$here" -out "$work/stranger.pem"
cat "$work/stranger.key" "$work/stranger.pem" >stranger.pem
