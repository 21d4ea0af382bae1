#include "runtime/base/json_lists.hpp"
#include <algorithm>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <vector>

namespace actord {

namespace {

// One counter for each list and object that is open; names and values of an object count, but nobody looks.
struct counter : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, counter> {
  struct open_value {
    size_t elements = 0;
    bool is_list = false;
  };
  json_lists found;
  std::vector<open_value> open;

  bool Default() { // a value that is neither list nor object
    if (open.empty() || !open.back().is_list) return true;
    const size_t n = ++open.back().elements;
    found.longest = std::max(found.longest, n);
    if (open.size() == 1) found.outermost = n;
    return true;
  }
  bool Key(const char*, rapidjson::SizeType, bool) { return true; }
  bool begin(bool is_list) {
    Default();
    open.push_back({0, is_list});
    return true;
  }
  bool end() {
    open.pop_back();
    return true;
  }
  bool StartObject() { return begin(false); }
  bool EndObject(rapidjson::SizeType) { return end(); }
  bool StartArray() { return begin(true); }
  bool EndArray(rapidjson::SizeType) { return end(); }
};

} // namespace

json_lists count_json_lists(std::string_view text) {
  rapidjson::MemoryStream stream(text.data(), text.size());
  rapidjson::Reader reader;
  counter c;
  (void)reader.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag | rapidjson::kParseStopWhenDoneFlag>(stream, c);
  return c.found;
}

} // namespace actord
