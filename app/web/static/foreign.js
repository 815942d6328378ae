/** Files that are known but not read, made by `python -m tests.reference`. */

export const FOREIGN = [
  { title: "a JPEG 2000", advice: "convert it to JPEG or PNG",
    pattern: /^(?:\xff\x4f\xff\x51|\x00\x00\x00\x0cjP  \r\n\x87\n)/s },
  { title: "a camera raw", advice: "convert it to JPEG or PNG",
    pattern: /^(?:.{4}ftyp(?:.{8}(?:.{4}){0,59}?)?(?:crx ))/s },
  { title: "a camera raw", advice: "convert it to JPEG or PNG",
    pattern: /^(?:FUJIFILMCCD-RAW|FOVb|IIU\x00|IIR|MMOR|II\*\x00.{4}CR\x02)/s },
  { title: "a PDF", advice: "convert it to JPEG or PNG",
    pattern: /^(?:.*%PDF-)/s },
  { title: "an SVG", advice: "draw it as PNG",
    pattern: /^(?:(?:\xef\xbb\xbf)?[\t-\r ]*(?=<).*<svg)/s },
  { title: "a Photoshop", advice: "convert it to JPEG or PNG",
    pattern: /^(?:8BPS)/s },
  { title: "an OpenEXR", advice: "convert it to PNG or TIFF",
    pattern: /^(?:\x76\x2f\x31\x01)/s },
  { title: "a FITS", advice: "convert it to PNG or TIFF",
    pattern: /^(?:SIMPLE  =)/s },
  { title: "a NIfTI header", advice: "send header and image in one, as .nii",
    pattern: /^(?:.{344}ni1\x00|.{4}ni2\x00)/s },
  { title: "a gzip", advice: "unpack it, and send the image inside",
    pattern: /^(?:\x1f\x8b)/s },
];
