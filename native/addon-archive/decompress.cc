// gzip and Zstandard, a piece at a time: zlib and libzstd, linked in.
#include "octets.h"
#include <zlib.h>
#include <zstd.h>

namespace tsrun {

/** What reads one compressed stream, owned by JavaScript. */
struct Decompressor {
  bool zstd;
  ZSTD_DStream *frames;
  z_stream members;
};

template <> struct Reader<Decompressor *> {
  Decompressor *decompressor = nullptr;
  bool read(napi_env env, napi_value value, const Where &where) {
    napi_valuetype type;
    void *data = nullptr;
    bool ok = napi_typeof(env, value, &type) == napi_ok && type == napi_external &&
              napi_get_value_external(env, value, &data) == napi_ok;
    decompressor = static_cast<Decompressor *>(data);
    return ok || where.refuse(env, "a decompressor");
  }
  Decompressor *value() { return decompressor; }
};

namespace {

// 15 bits of window, and the gzip format alone.
constexpr int gzipWindow = 15 + 16;

/** Frees what the libraries hold; the rest lives as long as JavaScript knows it. */
Result closeDecompressor(napi_env, Decompressor *decompressor) {
  if (decompressor->zstd) {
    ZSTD_freeDStream(decompressor->frames);
    decompressor->frames = nullptr;
  } else {
    inflateEnd(&decompressor->members);
  }
  return 0;
}

void release(napi_env env, void *data, void *) {
  closeDecompressor(env, static_cast<Decompressor *>(data));
  free(data);
}

napi_value openDecompressor(napi_env env, bool zstd) {
  Decompressor *decompressor = static_cast<Decompressor *>(calloc(1, sizeof *decompressor));
  if (!decompressor) return toJs(env, Result{-ENOMEM});
  decompressor->zstd = zstd;
  bool ready = false;
  if (zstd) {
    decompressor->frames = ZSTD_createDStream();
    ready = decompressor->frames != nullptr;
  } else {
    ready = inflateInit2(&decompressor->members, gzipWindow) == Z_OK;
  }
  if (!ready) {
    free(decompressor);
    return toJs(env, Result{-ENOMEM});
  }
  napi_value made = nullptr;
  napi_create_external(env, decompressor, release, nullptr, &made);
  return made;
}

/** What one call did: bytes taken and bytes given, in `progress`; the answer is 1 at the end of a member or frame. */
Result decompress(napi_env, Decompressor *decompressor, Bytes input, Bytes output, Words progress) {
  if (progress.size < 2 || input.size > INT32_MAX || output.size > INT32_MAX) return -EINVAL;
  if (decompressor->zstd) {
    ZSTD_inBuffer from = {input.data, input.size, 0};
    ZSTD_outBuffer to = {output.data, output.size, 0};
    size_t left = ZSTD_decompressStream(decompressor->frames, &to, &from);
    progress.data[0] = static_cast<int32_t>(from.pos);
    progress.data[1] = static_cast<int32_t>(to.pos);
    if (ZSTD_isError(left)) return -EBADMSG;
    return left == 0;
  }
  z_stream &stream = decompressor->members;
  stream.next_in = input.data;
  stream.avail_in = static_cast<uInt>(input.size);
  stream.next_out = output.data;
  stream.avail_out = static_cast<uInt>(output.size);
  int status = inflate(&stream, Z_NO_FLUSH);
  progress.data[0] = static_cast<int32_t>(input.size - stream.avail_in);
  progress.data[1] = static_cast<int32_t>(output.size - stream.avail_out);
  if (status == Z_STREAM_END) return inflateReset(&stream) == Z_OK ? 1 : -EBADMSG;
  if (status == Z_MEM_ERROR) return -ENOMEM;
  // Z_BUF_ERROR says that nothing could be done: more input or more room is needed.
  return status == Z_OK || status == Z_BUF_ERROR ? 0 : -EBADMSG;
}

const Function functions[] = {
    {"openDecompressor", {"zstd"}, bind<openDecompressor>},
    {"closeDecompressor", {"decompressor"}, bind<closeDecompressor>},
    {"decompress", {"decompressor", "input", "output", "progress"}, bind<decompress>},
};

} // namespace

const Functions decompressFunctions = {functions, std::size(functions)};

} // namespace tsrun
