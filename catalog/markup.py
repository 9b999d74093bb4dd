"""Text from HTML: tags and entities away, a space only where a browser would break the line."""

import html
import re

from selectolax.lexbor import LexborHTMLParser

_BLOCKS = (
    "address,article,aside,blockquote,br,caption,center,dd,div,dl,dt,fieldset,figcaption,figure,footer,form,"
    "h1,h2,h3,h4,h5,h6,header,hr,li,main,nav,ol,option,p,pre,section,table,td,tfoot,th,thead,tr,ul"
)
_INLINE = (
    "a,abbr,b,big,body,button,code,del,em,font,head,html,i,iframe,img,input,ins,label,link,mark,meta,object,param,s,"
    "script,select,small,span,strike,strong,style,sub,sup,tbody,title,tt,u,video"
)
# Only tags HTML knows: "size <small>" is markup, "voltage <12 V>" and "R&B <Love>" are text.
TAG = r"(?i)<(?:/?(?:" + (_BLOCKS + "," + _INLINE).replace(",", "|") + r")(?:[\s/][^<>]*)?>|!--)"
ENTITY = r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
_TAG = re.compile(TAG)


def html_text(text: str) -> str:
    """The words of a piece of HTML or of text with entities; other text comes back as it is.

    Escaped markup (&lt;p&gt;) is markup too: feeds are often escaped once too often.
    """
    if not _TAG.search(text):
        text = html.unescape(text)
        if not _TAG.search(text):
            return text
    tree = LexborHTMLParser(text)
    for node in tree.css("script,style,head"):
        node.decompose()
    for node in tree.css(_BLOCKS):
        node.insert_before(" ")
        node.insert_after(" ")
    return tree.body.text() if tree.body is not None else ""
