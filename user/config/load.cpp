#include <map>
#include <set>

#include "base/text.h"
#include "config/check.h"
#include "config/config.h"
#include "config/files.h"
#include "config/schema.h"

namespace sockdog {
namespace {

/// Named objects in the order of their first appearance; a later file replaces by name.
template <typename T>
class Named {
  public:
    /// Nothing, or where the same file already has that name.
    std::optional<Place> put(T object, Place place) {
        const auto [entry, is_new] = index_.emplace(object.name, Slot{objects.size(), place});
        if (is_new) {
            objects.push_back(std::move(object));
            return std::nullopt;
        }
        if (entry->second.place.file == place.file) return entry->second.place;
        entry->second.place = place;
        objects[entry->second.position] = std::move(object);
        return std::nullopt;
    }
    std::vector<T> objects;

  private:
    struct Slot {
        std::size_t position;
        Place place;
    };
    std::map<std::string, Slot> index_;
};

/// One load: files are added in order, then everything that needs all of them is read.
class Loading {
  public:
    std::size_t add_file(const std::string& name) { return complaints_.add_file(name); }
    void complain(std::size_t file, std::string text) { complaints_.add(Place{file}, std::move(text)); }
    void add_text(std::size_t file, std::string_view text) {
        const auto root = parse_document(text, file, complaints_);
        if (root) read_fields(reader_, *root, config_schema(), config_);
    }
    Result<Config> finish();

  private:
    template <typename T>
    void keep(Named<T>& named, Reader& reader, const Value& value, const std::string& what, T object);
    void read_receivers();
    void read_policies();

    Complaints complaints_;
    std::size_t visits_ = 0;
    Config config_;
    Reader reader_{complaints_, visits_};
};

template <typename T>
void Loading::keep(Named<T>& named, Reader& reader, const Value& value, const std::string& what, T object) {
    const auto place = reader.where("name").value_or(value.place);
    const auto name = object.name;
    if (name.empty()) return;  // complained about
    if (const auto first = named.put(std::move(object), place)) {
        complaints_.add(place, "duplicate " + what + ' ' + shown(name) + "; the first is at " +
                                   complaints_.refer(*first, place));
    }
}

void Loading::read_receivers() {
    Named<ReceiverSettings> named;
    for (const Value& value : reader_.deferred["receivers"]) {
        Reader reader(complaints_, visits_);
        ReceiverSettings receiver;
        read_fields(reader, value, receiver_schema(), receiver);
        if (value.node.IsMap() || value.node.IsNull()) check_receiver(reader, value, receiver);
        keep(named, reader, value, "receiver", std::move(receiver));
    }
    config_.receivers = std::move(named.objects);
}

void Loading::read_policies() {
    std::set<std::string> receivers;
    for (const auto& receiver : config_.receivers) receivers.insert(receiver.name);
    Named<Policy> named;
    for (const Value& value : reader_.deferred["policies"]) {
        Reader reader(complaints_, visits_);
        Policy policy = config_.defaults;
        policy.name.clear();
        read_fields(reader, value, policy_schema(), policy);
        if (value.node.IsMap() || value.node.IsNull()) check_policy(reader, value, policy, receivers);
        check_growth(reader, policy, config_.tick);
        keep(named, reader, value, "policy", std::move(policy));
    }
    config_.policies = std::move(named.objects);
}

Result<Config> Loading::finish() {
    check_config(reader_, config_);
    read_receivers();
    read_policies();
    if (!complaints_.empty()) return complaints_.error();
    return std::move(config_);
}

void add_drop_in(Loading& loading, const std::filesystem::path& path) {
    const auto file = loading.add_file(path.string());
    if (path.extension() == ".yml") {
        loading.complain(file, "the file would not be read; allowed are names that end in .yaml");
        return;
    }
    const auto content = read_config_file(path);
    if (content.ok()) {
        loading.add_text(file, *content);
    } else {
        loading.complain(file, content.error().message);
    }
}

}  // namespace

Result<Config> parse_config(std::string_view yaml, const std::string& name) {
    Loading loading;
    loading.add_text(loading.add_file(name), yaml);
    auto config = loading.finish();
    if (config.ok()) config->file = name;
    return config;
}

Result<Config> load_config(const std::filesystem::path& file) {
    const auto content = read_config_file(file);
    if (!content.ok()) return content.error().within(printable(file.string()));
    Loading loading;
    loading.add_text(loading.add_file(file.string()), *content);

    const auto folder = drop_in_folder(file);
    const auto paths = drop_ins(folder);
    if (paths.ok()) {
        for (const auto& path : *paths) add_drop_in(loading, path);
    } else {
        loading.complain(loading.add_file(folder.string()), paths.error().message);
    }
    auto config = loading.finish();
    if (config.ok()) config->file = file;
    return config;
}

}  // namespace sockdog
