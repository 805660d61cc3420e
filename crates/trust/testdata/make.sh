set -e
# CA and timestamp authority
cat > ext.cnf <<E
[ca]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
[tsa]
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=critical,timeStamping
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
[t]
default_tsa=t1
[t1]
serial=./serial
signer_digest=sha256
default_policy=1.3.6.1.4.1.57264.2
digests=sha256,sha384,sha512
accuracy=secs:1
ess_cert_id_alg=sha256
E
openssl ecparam -name prime256v1 -genkey -noout -out ca.key
openssl req -new -x509 -key ca.key -subj "/O=test/CN=timestamp root" -days 20000 -sha256 -config <(printf '[req]\ndistinguished_name=d\n[d]\n') -extensions ca -out ca.crt -config <(printf '[req]\ndistinguished_name=d\nx509_extensions=ca\n[d]\n'; cat ext.cnf)
openssl ecparam -name prime256v1 -genkey -noout -out tsa.key
openssl req -new -key tsa.key -subj "/O=test/CN=timestamp authority" -out tsa.csr -config <(printf '[req]\ndistinguished_name=d\n[d]\n')
openssl x509 -req -in tsa.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 19000 -sha256 -extfile ext.cnf -extensions tsa -out tsa.crt
openssl ecparam -name prime256v1 -genkey -noout -out key.pem
openssl ec -in key.pem -pubout -out key.pub
printf '%s' '{"critical":{"identity":{"docker-reference":""},"image":{"docker-manifest-digest":"sha256:'$(printf 'the artifact' | sha256sum | cut -d' ' -f1)'"},"type":"cosign container image signature"},"optional":null}' > payload.json
openssl dgst -sha256 -sign key.pem -out signature.bin payload.json
echo 01 > serial
openssl ts -query -data signature.bin -sha256 -cert -out q.tsq
openssl ts -reply -config ext.cnf -section t1 -queryfile q.tsq -signer tsa.crt -inkey tsa.key -chain ca.crt -out timestamp.tsr
cat tsa.crt ca.crt > authority.pem
