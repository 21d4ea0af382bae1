// The HTTP/2 frames of a gRPC health answer, in two pieces: never a crash, never more sent back than a small multiple of
// what came.
#include "actors/health/core/grpc_health.hpp"
#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(bytes + 1), size - 1);
  const size_t cut = text.empty() ? 0 : bytes[0] % (text.size() + 1);
  actord::health::grpc_health_reader reader;
  std::string reply;
  reader.feed(text.substr(0, cut), reply);
  reader.feed(text.substr(cut), reply);
  if (reply.size() > size * 2 + 64) std::abort();
  return 0;
}
