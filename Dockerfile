# The app for a Space or any container host: slim base, CPU torch, an ordinary user, port 7860.
FROM python:3.11-slim

RUN useradd --create-home --uid 1000 user
WORKDIR /home/user/app

# torch has its own index of CPU builds; the default index would bring several gigabytes of CUDA.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY --chown=user requirements.txt .
RUN python -m pip install --no-cache-dir ${TORCH_INDEX:+--index-url $TORCH_INDEX} torch==2.13.0 \
 && python -m pip install --no-cache-dir -r requirements.txt

COPY --chown=user . .
# Compiled here, since each container would otherwise do it anew at its start.
RUN python -m pip install --no-cache-dir --no-deps -e . && python -m compileall -q leximind

USER user
# The README lists what else may be set, such as LEXIMIND_PRECISION=int8 for less memory.
ENV GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860 HF_HOME=/home/user/.cache/huggingface
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/', timeout=4)"
CMD ["python", "app.py"]
