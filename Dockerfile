# A container of Matriarch: Debian, PostgreSQL and the one file. Made by
# ./scripts/image, which compiles the file first; docs/containers.md.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
ARG POSTGRES=15
# The user has the same number in every image, because volumes outlive them. The
# folder of sockets takes any user, also as a tmpfs that copies its mode.
RUN groupadd --system --gid 999 postgres \
  && useradd --system --uid 999 --gid postgres --home-dir /var/lib/postgresql postgres \
  && mkdir -p /etc/postgresql-common/createcluster.d \
  && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/matriarch.conf \
  && apt-get update -q \
  && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends postgresql-${POSTGRES} tini \
  && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb \
  && chmod 3777 /var/run/postgresql \
  && for folder in /var/lib/matriarch /secrets /opt/matriarch; do install -d -o postgres -g postgres -m 700 "$folder"; done
COPY dist/matriarch /usr/local/bin/matriarch
ENV LANG=C.UTF-8 \
  PATH=/usr/lib/postgresql/${POSTGRES}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  MATRIARCH_CACHE_DIR=/opt/matriarch/cache \
  MATRIARCH_CONFIG_FILE=/var/lib/matriarch/matriarch.yml
USER postgres
WORKDIR /var/lib/matriarch
# Unpacked here and not at each first start.
RUN matriarch --version
VOLUME /var/lib/matriarch
EXPOSE 5000 6000 7000 8008
# Healthy: the port of the leader leads to one. To copy a large database takes
# its time, and a busy machine too; the first success ends the start period.
HEALTHCHECK --interval=5s --timeout=5s --start-period=10m CMD ["pg_isready", "-q", "-h", "127.0.0.1", "-p", "5000"]
ENTRYPOINT ["tini", "--", "matriarch"]
CMD ["container"]
