// Appends JSON as Go's encoding/json writes it: no spaces, `<`, `>`, `&`, U+2028 and U+2029 escaped, invalid UTF-8
// replaced by U+FFFD, floats by Go's rules. Appends to a string that the caller owns; never fails.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace actord {

class json_writer {
public:
  explicit json_writer(std::string& out) : out_(out) {}
  void begin_object() { separate(); out_ += '{'; comma_ = false; }
  void end_object() { out_ += '}'; comma_ = true; }
  void begin_array() { separate(); out_ += '['; comma_ = false; }
  void end_array() { out_ += ']'; comma_ = true; }
  // Go sorts map keys and keeps struct order: the caller's order is written.
  void key(std::string_view name) { separate(); append_string(out_, name); out_ += ':'; comma_ = false; }
  // For names that are known to need no escaping (our own field names).
  void plain_key(std::string_view name) {
    if (comma_) out_ += ',';
    out_ += '"';
    out_ += name;
    out_ += "\":";
    comma_ = false;
  }
  void string(std::string_view s) { separate(); append_string(out_, s); comma_ = true; }
  void base64(std::string_view bytes);
  void number(int64_t n);
  void number(uint64_t n);
  void number(double n);
  void boolean(bool b) { separate(); out_ += b ? "true" : "false"; comma_ = true; }
  void null() { separate(); out_ += "null"; comma_ = true; }
  // JSON that is already encoded.
  void raw(std::string_view json) { separate(); out_ += json; comma_ = true; }

  static void append_string(std::string& out, std::string_view s);

private:
  void separate() { if (comma_) out_ += ','; }
  std::string& out_;
  bool comma_ = false;
};

// The same document with Go's four-space indent and a final newline (`?pretty`). `indent` is repeated per level.
std::string json_pretty(std::string_view compact, std::string_view indent = "    ", bool final_newline = true);

// Standard base64 with padding.
void append_base64(std::string& out, std::string_view bytes);
// False when the text is not standard base64.
bool decode_base64(std::string_view text, std::string& out);

} // namespace actord
