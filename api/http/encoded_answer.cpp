#include "api/http/encoded_answer.hpp"
#include <zlib.h>

namespace actord::http {
namespace {

constexpr size_t store_below = 160; // deflate gains nothing here and costs a reset of its tables

struct deflater {
  z_stream z{};
  bool ready = false;
  deflater() { ready = deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK; }
  ~deflater() { if (ready) deflateEnd(&z); }
};

void append_le32(std::string& out, uint32_t v) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(v >> shift & 0xff);
}

// RFC 1952 with one stored block of RFC 1951.
std::string gzip_stored(std::string_view in) {
  std::string out("\x1f\x8b\x08\0\0\0\0\0\0\xff\x01", 11);
  auto length = static_cast<uint16_t>(in.size());
  out += static_cast<char>(length & 0xff);
  out += static_cast<char>(length >> 8);
  out += static_cast<char>(~length & 0xff);
  out += static_cast<char>(~length >> 8 & 0xff);
  out += in;
  append_le32(out, static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(in.data()), static_cast<uInt>(in.size()))));
  append_le32(out, static_cast<uint32_t>(in.size()));
  return out;
}

} // namespace

std::string gzip(std::string_view in) {
  thread_local deflater d;
  if (in.size() < store_below || !d.ready || in.size() > (1u << 30)) {
    if (in.size() < 65536) return gzip_stored(in);
  }
  deflateReset(&d.z);
  std::string out(deflateBound(&d.z, in.size()), 0);
  d.z.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(in.data()));
  d.z.avail_in = static_cast<uInt>(in.size());
  d.z.next_out = reinterpret_cast<Bytef*>(out.data());
  d.z.avail_out = static_cast<uInt>(out.size());
  deflate(&d.z, Z_FINISH);
  out.resize(out.size() - d.z.avail_out);
  return out;
}

encoded_answer::form encoded_answer::body(bool pretty, bool zipped) {
  auto& made = at(pretty, zipped);
  if (!made) made = zipped ? std::make_shared<const std::string>(gzip(*body(pretty, false))) : make(*forms_[0], pretty, false);
  return made;
}

bool encoded_answer::is_costly(bool pretty, bool zipped) const {
  return !at(pretty, zipped) && is_costly(forms_[0]->size(), pretty && is_json(), zipped);
}

encoded_answer::form encoded_answer::make(const std::string& compact, bool pretty, bool zipped) {
  std::string text = pretty ? json_pretty(compact) : std::string();
  if (zipped) text = gzip(pretty ? text : compact);
  return std::make_shared<const std::string>(std::move(text));
}

size_t encoded_answer::bytes() const {
  size_t n = 0;
  for (auto& f : forms_)
    if (f) n += f->size();
  return n;
}

} // namespace actord::http
