// The JSON reader of config_value, on RapidJSON's iterative parser: depth costs heap, not stack, and is bounded by the
// handler.
#include "runtime/base/json_number.hpp"
#include "runtime/base/text_hash.hpp"
#include "runtime/base/value.hpp"
#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>
#include <unordered_map>

namespace actord {
namespace {

// Counts the lines of what has been read; RapidJSON asks a stream for nothing else.
struct counted_stream {
  using Ch = char;
  const char* at;
  const char* begin;
  const char* end;
  uint32_t line = 1;

  Ch Peek() const { return at == end ? '\0' : *at; }
  Ch Take() {
    if (at == end) return '\0';
    if (*at == '\n') ++line;
    return *at++;
  }
  size_t Tell() const { return static_cast<size_t>(at - begin); }
  Ch* PutBegin() { return nullptr; }
  void Put(Ch) {}
  void Flush() {}
  size_t PutEnd(Ch*) { return 0; }
};

class tree_builder {
public:
  tree_builder(const counted_stream& in, std::shared_ptr<const std::string> file, const value_limits& limits)
      : in_(in), file_(std::move(file)), limits_(limits) {}

  bool Null() { return add({}); }
  bool Bool(bool b) { return add(config_value::of_bool(b)); }
  bool Int(int i) { return add(config_value::of_int(i)); }
  bool Uint(unsigned i) { return add(config_value::of_int(i)); }
  bool Int64(int64_t i) { return add(config_value::of_int(i)); }
  bool Uint64(uint64_t i) {
    return add(i <= INT64_MAX ? config_value::of_int(static_cast<int64_t>(i))
                              : config_value::of_real(static_cast<double>(i)));
  }
  bool Double(double d) { return add(config_value::of_real(d)); }
  bool RawNumber(const char* s, rapidjson::SizeType n, bool) {
    if (emit_json_number({s, n}, *this)) return true;
    if (!refusal) refusal = "number out of range";
    return false;
  }
  bool String(const char* s, rapidjson::SizeType n, bool) { return add(config_value::of_string({s, n})); }
  bool Key(const char* s, rapidjson::SizeType n, bool) {
    open_.back().key.assign(s, n);
    return true;
  }
  bool StartObject() { return open(config_value::of_object()); }
  bool StartArray() { return open(config_value::of_list()); }
  bool EndObject(rapidjson::SizeType) { return close(); }
  bool EndArray(rapidjson::SizeType) { return close(); }

  config_value root;
  const char* refusal = nullptr;

private:
  struct frame {
    config_value value;
    std::string key;
    text_map<size_t> places; // of the keys, so that many of them stay cheap
  };

  config_value& place(config_value&& v) {
    if (open_.empty()) return root = std::move(v);
    auto& top = open_.back();
    if (top.value.is_list()) return top.value.list.emplace_back(std::move(v));
    auto [it, fresh] = top.places.try_emplace(top.key, top.value.object.size());
    if (!fresh) return top.value.object[it->second].second = std::move(v);
    return top.value.object.emplace_back(top.key, std::move(v)).second;
  }
  bool add(config_value&& v) {
    if (++nodes_ > limits_.max_nodes) {
      refusal = "too many values";
      return false;
    }
    v.line = in_.line;
    v.file = file_;
    place(std::move(v));
    return true;
  }
  bool open(config_value&& v) {
    if (open_.size() >= limits_.max_depth) {
      refusal = "exceeded max depth";
      return false;
    }
    if (++nodes_ > limits_.max_nodes) {
      refusal = "too many values";
      return false;
    }
    v.line = in_.line;
    v.file = file_;
    open_.push_back({std::move(v), {}, {}});
    return true;
  }
  bool close() {
    auto done = std::move(open_.back().value);
    open_.pop_back();
    place(std::move(done));
    return true;
  }

  const counted_stream& in_;
  std::shared_ptr<const std::string> file_;
  value_limits limits_;
  std::vector<frame> open_;
  size_t nodes_ = 0;
};

// What Go says at the same place. RapidJSON stops at the offending byte, or after it, per kind of error.
std::string go_text(rapidjson::ParseErrorCode code, std::string_view text, size_t offset) {
  while (offset < text.size() && (text[offset] == ' ' || text[offset] == '\t' || text[offset] == '\n' || text[offset] == '\r'))
    ++offset;
  const char* context = nullptr;
  switch (code) {
    case rapidjson::kParseErrorDocumentRootNotSingular: context = "after top-level value"; break;
    case rapidjson::kParseErrorObjectMissName: context = "looking for beginning of object key string"; break;
    case rapidjson::kParseErrorObjectMissColon: context = "after object key"; break;
    case rapidjson::kParseErrorObjectMissCommaOrCurlyBracket: context = "after object key:value pair"; break;
    case rapidjson::kParseErrorArrayMissCommaOrSquareBracket: context = "after array element"; break;
    case rapidjson::kParseErrorStringEscapeInvalid: ++offset; context = "in string escape code"; break;
    case rapidjson::kParseErrorStringUnicodeEscapeInvalidHex: context = "in \\u hexadecimal character escape"; break;
    case rapidjson::kParseErrorStringInvalidEncoding: context = "in string literal"; break;
    case rapidjson::kParseErrorStringMissQuotationMark: return "unexpected end of JSON input";
    case rapidjson::kParseErrorNumberMissFraction: context = "after decimal point in numeric literal"; break;
    case rapidjson::kParseErrorNumberMissExponent: context = "in exponent of numeric literal"; break;
    case rapidjson::kParseErrorNumberTooBig: return "number out of range";
    case rapidjson::kParseErrorValueInvalid: context = "looking for beginning of value"; break;
    default: return rapidjson::GetParseError_En(code);
  }
  if (offset >= text.size()) return "unexpected end of JSON input";
  return std::string("invalid character '") + text[offset] + "' " + context;
}

} // namespace

result<config_value> parse_json_value(std::string_view text, const std::string& file, const value_limits& limits) {
  if (text.size() > limits.max_bytes) return error{errc::corrupt, "file is too large"};
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return config_value{};
  counted_stream in{text.data(), text.data(), text.data() + text.size()};
  tree_builder builder(in, std::make_shared<const std::string>(file), limits);
  rapidjson::Reader reader;
  auto outcome = reader.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag |
                              rapidjson::kParseNumbersAsStringsFlag>(in, builder);
  if (builder.refusal) return error{errc::corrupt, builder.refusal};
  // The stream ends in NULs for ever, so a NUL inside the text would look like its end.
  if (!outcome.IsError() && in.at != in.end)
    return error{errc::corrupt, std::string("invalid character '\\x00' after top-level value")};
  if (outcome.IsError()) return error{errc::corrupt, go_text(outcome.Code(), text, outcome.Offset())};
  return std::move(builder.root);
}

} // namespace actord
