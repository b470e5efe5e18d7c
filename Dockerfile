# The page and the command line, without anything else: docs/installing.md says how to use it.
FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements requirements
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN python -m venv /opt/photochrom && \
    /opt/photochrom/bin/pip install --no-cache-dir \
      --constraint requirements/demo.txt --constraint requirements/test.txt '.[heif,metrics,video]' && \
    /opt/photochrom/bin/pip uninstall --yes pip

FROM python:3.13-slim
COPY --from=build /opt/photochrom /opt/photochrom
ENV PATH=/opt/photochrom/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# Nobody in particular. To write into a folder of yours, run it as yourself: --user "$(id -u):$(id -g)"
USER 65532:65532
WORKDIR /photos
# As Ctrl-C: what is under way is finished. A first process does not hear the usual signal.
STOPSIGNAL SIGINT
EXPOSE 8000
# Asks as a program on this machine would, not through a proxy.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["python", "-c", "\
import http.client, os, sys; \
server = http.client.HTTPConnection('127.0.0.1', 8000, timeout=4); \
token = os.environ.get('PHOTOCHROM_TOKEN', ''); \
server.request('GET', '/api/health', headers={'Authorization': 'Bearer ' + token}); \
sys.exit(server.getresponse().status != 200)"]
ENTRYPOINT ["photochrom"]
CMD ["serve", "--host", "0.0.0.0"]
