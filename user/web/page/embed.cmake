# -DFROM=file -DTO=source -DNAME=name: the file as sockdog::page::NAME().
file(READ ${FROM} bytes HEX)
string(REGEX MATCHALL ".." bytes "${bytes}")
list(LENGTH bytes count)
list(TRANSFORM bytes PREPEND "0x")
list(JOIN bytes "," bytes)
string(REGEX REPLACE "((0x..,){24})" "\\1\n" bytes "${bytes}")
file(WRITE ${TO}
     "#include \"web/page_files.h\"\n\nnamespace sockdog::page {\n\nstd::string_view ${NAME}() {\n"
     "    static constexpr unsigned char kBytes[] = {${bytes}};\n"
     "    return {reinterpret_cast<const char*>(kBytes), ${count}};\n}\n\n}  // namespace sockdog::page\n")
