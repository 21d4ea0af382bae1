#include "runtime/config/service_files.hpp"
#include "runtime/config/definition_schema.hpp"
#include "runtime/config/loader.hpp"
#include "runtime/config/steps.hpp"

namespace actord {

static std::string text_of(const config_value& block, std::string_view key) {
  const auto* v = block.find(key);
  return v && v->is_string() ? v->string : std::string();
}

result<std::vector<file_service>> read_file_services(const string_list& paths, string_list& warnings) {
  load_request request;
  request.paths = paths;
  std::vector<config_value> trees;
  if (auto s = read_sources(request, trees, warnings); !s) return s.err();
  std::vector<file_service> out;
  for (auto& tree : trees)
    if (const auto* services = tree.find("services"))
      for (auto& block : services->list) out.push_back({text_of(block, "id"), text_of(block, "name"), service_to_api_json(block)});
  return out;
}

} // namespace actord
