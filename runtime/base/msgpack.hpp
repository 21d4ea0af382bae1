// msgpack in the dialect of go-msgpack 0.5.5 (gossip, Raft log, snapshots, RPC): strings and bytes in the old raw family
// (never str8, never bin), shortest integers, unsigned family for what is not negative.
//
// Writing goes through msgpack-c. Reading is a pull cursor of our own, because msgpack-c has none that works without
// building a tree on the heap; tests hold it against msgpack-c as its twin.
#pragma once
#include <bit>
#include <cstdint>
#include <msgpack/pack.hpp> // <msgpack.hpp> has three times as many lines, for reading
#include <optional>
#include <string>
#include <string_view>

namespace actord {

class msgpack_writer {
public:
  explicit msgpack_writer(std::string& out) : buffer_{out}, pack_(buffer_) {}
  void map(size_t n) { pack_.pack_map(static_cast<uint32_t>(n)); }
  void array(size_t n) { pack_.pack_array(static_cast<uint32_t>(n)); }
  void nil() { pack_.pack_nil(); }
  void boolean(bool b) { b ? pack_.pack_true() : pack_.pack_false(); }
  void raw(std::string_view s) {
    pack_.pack_v4raw(static_cast<uint32_t>(s.size()));
    pack_.pack_v4raw_body(s.data(), static_cast<uint32_t>(s.size()));
  }
  void number(uint64_t n) { pack_.pack_uint64(n); }
  void number(int64_t n) { n >= 0 ? pack_.pack_uint64(static_cast<uint64_t>(n)) : pack_.pack_int64(n); }
  // msgpack-c would turn a whole number into an integer; Go never shortens a float.
  void number(double d) { wide(0xcb, std::bit_cast<uint64_t>(d), 8); }
  void number(float f) { wide(0xca, std::bit_cast<uint32_t>(f), 4); }

private:
  struct buffer {
    std::string& out;
    void write(const char* p, size_t n) { out.append(p, n); }
  };
  void wide(unsigned char tag, uint64_t bits, int bytes) {
    char b[9] = {static_cast<char>(tag)};
    for (int i = bytes; i > 0; --i, bits >>= 8) b[i] = static_cast<char>(bits & 255);
    buffer_.write(b, static_cast<size_t>(bytes) + 1);
  }
  buffer buffer_;
  msgpack::packer<buffer> pack_;
};

// Reads values one after another from a view that must outlive it. After the first malformed byte ok() is false and
// every further read gives zero values; nothing is ever read beyond the view, and no announced length is believed
// before it was compared with what is left.
class msgpack_reader {
public:
  enum class kind : uint8_t { nil, boolean, uint, sint, floating, raw, array, map, invalid };
  explicit msgpack_reader(std::string_view in) : p_(in.data()), end_(in.data() + in.size()) {}

  bool ok() const { return ok_; }
  bool at_end() const { return p_ == end_; }
  size_t remaining() const { return static_cast<size_t>(end_ - p_); }
  kind peek() const;
  bool take_nil();                 // consumes a nil if one is next
  bool boolean();                  // accepts 0 and 1
  uint64_t uint();                 // accepts any non-negative integer
  int64_t sint();
  double floating();               // accepts integers
  std::string_view raw();          // str and bin families; a view into the input
  size_t array();                  // number of elements; nil gives 0
  size_t map();                    // number of pairs; nil gives 0
  void skip();                     // one value of any kind; nesting is bounded by the input's length
  void fail() { ok_ = false; p_ = end_; }
  const char* position() const { return p_; }

private:
  uint64_t big_endian(size_t bytes);
  unsigned char take() { return p_ < end_ ? static_cast<unsigned char>(*p_++) : (fail(), static_cast<unsigned char>(0xc1)); }
  size_t container(unsigned char fix, unsigned char fix_mask, unsigned char wide16, unsigned char wide32, size_t least);
  const char* p_;
  const char* end_;
  bool ok_ = true;
};

} // namespace actord
