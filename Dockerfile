# The binary of `make dist` and nothing else; how it is run stands in docs/operations.md.
FROM scratch
COPY target/x86_64-unknown-linux-musl/release/jq2qmt /jq2qmt
# SQLite lays what does not fit into memory into the folder that it works in: there is no other.
WORKDIR /data
ENV JQ2QMT_DATA_DIR=/data JQ2QMT_KEYS_DIR=/data/keys JQ2QMT_LISTEN=0.0.0.0:5366 JQ2QMT_READS=key
EXPOSE 5366
USER 10001:10001
ENTRYPOINT ["/jq2qmt"]
